"""Any row comes back from its line; any other line is refused."""

import csv
import io
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diad_deploy.errors import OutputError
from diad_deploy.regions import Region
from diad_deploy.report.results import COLUMNS, ResultRow, parse_row, to_csv_line, to_json_line

# a file's name may hold bytes that are no text
NAMES = st.one_of(st.text(max_size=12), st.binary(max_size=12).map(os.fsdecode))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(0, 2**40)
REGIONS = st.builds(
    Region,
    contour=st.lists(st.tuples(WHOLE, WHOLE), max_size=4).map(tuple),
    box=st.tuples(WHOLE, WHOLE, WHOLE, WHOLE),
    area_px=WHOLE,
    peak=FLOATS,
    peak_xy=st.tuples(WHOLE, WHOLE),
)
SHARED = {
    "picture": NAMES,
    "path": NAMES,
    "size_bytes": st.none() | WHOLE,
    "modified_ns": st.none() | st.integers(-(2**63), 2**63),
    "class_name": st.none() | NAMES,
    "note": st.none() | st.text(),
}
ROWS = st.builds(
    ResultRow,
    status=st.just("ok"),
    score=FLOATS,
    width=WHOLE,
    height=WHOLE,
    heatmap=NAMES,
    map=st.none() | NAMES,
    threshold=st.none() | FLOATS,
    decision=st.none() | st.sampled_from(["good", "defect"]),
    margin=st.none() | FLOATS,
    regions=st.none() | st.lists(REGIONS, max_size=3).map(tuple),
    **SHARED,
) | st.builds(ResultRow, status=st.just("failed"), reason=st.text(), **SHARED)


@given(ROWS)
def test_a_row_comes_back_as_it_was(row: ResultRow) -> None:
    line = to_json_line(row)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert parse_row(line, "here") == row


@given(ROWS)
def test_a_line_of_the_table_has_a_cell_for_each_column(row: ResultRow) -> None:
    text = to_csv_line(row).decode("utf-8", "surrogateescape")
    (cells,) = csv.reader(io.StringIO(text, newline=""))
    assert len(cells) == len(COLUMNS)


@given(ROWS, st.data())
def test_a_line_cut_short_is_no_row(row: ResultRow, data: st.DataObject) -> None:
    line = to_json_line(row)
    cut = data.draw(st.integers(0, len(line) - 2))
    with pytest.raises(OutputError, match="here: expected a result"):
        parse_row(line[:cut], "here")


@given(st.binary() | st.dictionaries(st.text(), st.none() | FLOATS).map(json.dumps).map(str.encode))
def test_another_line_is_refused(line: bytes) -> None:
    with pytest.raises(OutputError, match="here: expected a result"):
        parse_row(line, "here")
