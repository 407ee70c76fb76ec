"""Shows the progress of a build as a bar on standard error, if that is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from diad_export.engines.protocol import Advance


@contextmanager
def shown_build(name: str, console: Console | None = None) -> Iterator[Callable[[Advance], None]]:
    """Yields a function to call with each `Advance` of the engine `name`."""
    target = console or Console(stderr=True)
    if not target.is_terminal:
        yield lambda now: None
        return
    columns = (
        TextColumn(f"{name} engine"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with RichProgress(*columns, console=target, transient=True) as shown:
        task = shown.add_task("", total=1.0)
        yield lambda now: shown.update(task, completed=now.share, description=now.phase)
