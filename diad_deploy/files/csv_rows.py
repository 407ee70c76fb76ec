"""Rows of all CSV files that this project writes.

Any CSV reader gives every cell back, whatever a file's name holds. What starts as a formula of a
spreadsheet is made text, also where one divides cells at semicolons or tabs as well.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence

_BEFORE_FORMULA = re.compile("(?:^|(?<=[;\t]))(?='*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
"""Before what a spreadsheet takes for a formula, also in full width, and also behind a semicolon or
tab: where the comma is the decimal mark, spreadsheets divide there. Quotes before it count as well,
so that taking one off gives every text back."""


def to_csv(rows: Iterable[Sequence[object]]) -> bytes:
    r"""Lines of CSV, UTF-8, each ending in a newline.

    What a spreadsheet would run as a formula has a `'` in front, at the start of a text and behind
    its semicolons and tabs; numbers stay numbers. Bytes of a file's name that are no UTF-8 stand
    as `\udcXX`.

    Args:
        rows: cells each; None is an empty cell.
    """
    lines = (_line([_harmless(cell) for cell in row]) for row in rows)
    return "".join(lines).encode("utf-8", "backslashreplace")


def _harmless(cell: object) -> object:
    return _BEFORE_FORMULA.sub("'", cell) if isinstance(cell, str) else cell


def _line(cells: list[object]) -> str:
    text = io.StringIO()
    # with this end of a line the writer quotes a bare carriage return as well
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n") + "\n"
