"""Rows of all CSV files that this project writes.

Any CSV reader gives every cell back, whatever a file's name holds, and no spreadsheet runs one.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence

_STARTS_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What a spreadsheet takes for a formula, also in full width; quotes before it count as well, so
that taking one off gives every text back."""


def to_csv(rows: Iterable[Sequence[object]]) -> bytes:
    r"""Lines of CSV, UTF-8, each ending in a newline.

    A text that a spreadsheet would run as a formula has a `'` in front; numbers stay numbers.
    Bytes of a file's name that are no UTF-8 stand as `\udcXX`.

    Args:
        rows: cells each; None is an empty cell.
    """
    lines = (_line([_harmless(cell) for cell in row]) for row in rows)
    return "".join(lines).encode("utf-8", "backslashreplace")


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and _STARTS_FORMULA.match(cell) else cell


def _line(cells: list[object]) -> str:
    text = io.StringIO()
    # with this end of a line the writer quotes a bare carriage return as well
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n") + "\n"
