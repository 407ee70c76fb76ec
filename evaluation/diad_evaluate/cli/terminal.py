"""Prints an evaluation on the terminal."""

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from diad_deploy.cli.console import printable
from diad_evaluate.metrics.figures import METRICS
from diad_evaluate.metrics.paper import SOURCE
from diad_evaluate.report.output import PAGE
from diad_evaluate.report.table import TITLES, paper_title, table_rows
from diad_evaluate.results import Evaluation

MAX_FAULTS = 10


def print_evaluation(
    found: Evaluation, output: Path | None, console: Console | None = None
) -> None:
    """Print the table, the notes, the first faults, and the path of the page."""
    console = console or Console(highlight=False, soft_wrap=True)
    if found.stopped:
        console.print("stopped: only classes that were complete")
    console.print(_table(found))
    if found.paper is not None:
        console.print(f"Last row: {paper_title(found.paper)} classes; not measured in this run.")
        console.print(f"({SOURCE})")
    for note in found.notes():
        console.print(Text(printable(f"note: {note}")))
    for row in found.faults[:MAX_FAULTS]:
        console.print(Text(printable(f"{row.status}: {row.picture}: {row.reason}")))
    if len(found.faults) > MAX_FAULTS:
        console.print(f"and {len(found.faults) - MAX_FAULTS} more; see the files written with -o")
    seconds = f"{found.seconds:.1f} s, model {found.model_seconds:.1f} s"
    console.print(f"{len(found.rows)} images in {seconds}, metrics {found.metric_seconds:.1f} s")
    devices = ", ".join(found.devices)
    backend = f"backend: {found.backend} on {devices} ({found.backend_reason})"
    console.print(Text(printable(backend)))
    if output is not None:
        console.print(Text(f"page: {printable(str(output / PAGE))}"))


def _table(found: Evaluation) -> Table:
    title = f"{found.layout}: percent per class, and their mean"
    # two-line headings and little padding: the table fits a terminal of 80 columns
    table = Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        collapse_padding=True,
    )
    table.add_column("Class", overflow="fold")
    table.add_column("good\n+ bad", justify="right", no_wrap=True)
    rows = table_rows(found)
    has_image_only = any(row.image_only for row in rows)
    if has_image_only:
        table.add_column("image\nonly", justify="right", no_wrap=True)
    for name in METRICS:
        table.add_column(TITLES[name].replace(" ", "\n", 1), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            "(paper)" if row.kind == "paper" else Text(printable(row.name)),
            row.images if row.kind == "class" else "",
            *([row.image_only] if has_image_only else []),
            *row.cells,
            style={"mean": "bold", "paper": "italic dim"}.get(row.kind),
        )
    return table
