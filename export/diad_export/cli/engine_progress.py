"""A progress bar for building an engine, shown if standard error is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from diad_export.engines.protocol import Advance


@contextmanager
def show_build(name: str, console: Console | None = None) -> Iterator[Callable[[Advance], None]]:
    """Yield a function that is called with each `Advance` of the engine `name`."""
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
    with RichProgress(*columns, console=target, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda now: bar.update(task, completed=now.share, description=now.phase)
