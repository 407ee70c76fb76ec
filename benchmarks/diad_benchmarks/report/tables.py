"""Tables and figures for the terminal."""

from collections.abc import Iterable, Sequence

from rich.table import Table


def make_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1
) -> Table:
    """A table whose first `texts` columns hold text, and the others numbers."""
    table = Table(title=title, title_justify="left", caption_justify="left")
    for place, name in enumerate(columns):
        if place < texts:
            table.add_column(name, overflow="fold")
        else:
            table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def shown(value: float | None, form: str, scale: float = 1.0) -> str:
    """`value` times `scale` in `form`; empty for None."""
    return "" if value is None else form.format(value * scale)
