"""The progress of a run on standard error: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

from diad_deploy.inspection.summary import Progress

LINE_EVERY_SECONDS = 10.0

ProgressCallback = Callable[[Progress], None]


@contextmanager
def show_progress(
    console: Console | None = None, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[ProgressCallback]:
    """Show the progress; yields a function to call with each `Progress`.

    Args:
        console: where to show it; None uses standard error.
        clock: a monotonic clock in seconds.
    """
    target = console or Console(stderr=True)
    if not target.is_terminal:
        yield _Lines(target, clock).update
        return
    columns = (
        TextColumn("inspecting"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=target, transient=True) as bar:
        task = bar.add_task("", total=None, note="")

        def update(now: Progress) -> None:
            note = f"{now.failed} failed" if now.failed else ""
            bar.update(task, completed=now.done, total=now.total, note=note)

        yield update


class _Lines:
    """Prints one line every few seconds, and one at the end."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._printed_at = clock()

    def update(self, now: Progress) -> None:
        if now.done < now.total and self._clock() - self._printed_at < LINE_EVERY_SECONDS:
            return
        self._printed_at = self._clock()
        failed = f", {now.failed} failed" if now.failed else ""
        self._console.print(f"{now.done} of {now.total} images{failed}", highlight=False)
