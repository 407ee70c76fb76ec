"""Rows of the CSV files that this project writes.

Every CSV reader restores each cell, whatever characters a file name contains. Text that a
spreadsheet would run as a formula is escaped, including text behind a semicolon or tab.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence

_BEFORE_FORMULA = re.compile("(?:^|(?<=[;\t]))(?='*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
"""The position before a formula, full-width characters included, at the start of a cell or behind
a semicolon or tab, which separate cells where the comma is the decimal mark. Leading quotes match
as well, so that removing one quote restores every text."""


def to_csv(rows: Iterable[Sequence[object]]) -> bytes:
    r"""Encode rows as CSV in UTF-8, one line each, with newlines.

    Formulas get a `'` in front, at the start of a text and behind its semicolons and tabs; numbers
    are unchanged. Bytes of a file name that are not UTF-8 are written as `\udcXX`.

    Args:
        rows: the cells of each row; None is an empty cell.
    """
    lines = (_line([_escape_formulas(cell) for cell in row]) for row in rows)
    return "".join(lines).encode("utf-8", "backslashreplace")


def _escape_formulas(cell: object) -> object:
    return _BEFORE_FORMULA.sub("'", cell) if isinstance(cell, str) else cell


def _line(cells: list[object]) -> str:
    text = io.StringIO()
    # with this line terminator the writer also quotes a bare carriage return
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n") + "\n"
