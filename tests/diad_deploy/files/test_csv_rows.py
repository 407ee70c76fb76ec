"""Cells come back as they were, and what spreadsheets would run is text."""

import csv
import io
import os
import re

import pytest

from diad_deploy.files.csv_rows import to_csv


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))


def name_in(cell: str) -> str:
    """A name from its cell, as docs/formats/reports.md describes it."""
    text = re.sub(r"(^|[;\t])'(?='*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])", r"\1", cell)
    return re.sub(r"\\(udc[89a-f][0-9a-f])", lambda found: chr(int(found[1][1:], 16)), text)


BYTES = [bytes([value]) for value in range(1, 256) if value != ord("/")]


@pytest.mark.parametrize(
    "around", [b"%b", b"%ba.png", b"a%b.png", b"a%b", b'%b=1,"x"%b', b"a;%b=1;'%b", b"\t;%b=1"]
)
def test_every_byte_that_a_name_can_hold_comes_back(around: bytes) -> None:
    names = [os.fsdecode(around.replace(b"%b", one)) for one in BYTES]
    rows = read(to_csv([["picture", "score"], *([name, 0.5] for name in names)]))
    assert [len(row) for row in rows] == [2] * (len(names) + 1)
    assert [name_in(row[0]) for row in rows[1:]] == names


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "'=1", "''-a"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_made_harmless_and_comes_back(text: str) -> None:
    [[cell]] = read(to_csv([[text]]))
    assert cell.startswith(f"'{text[0]}")
    assert name_in(cell) == text


@pytest.mark.parametrize(
    "text", ["a;=1", "a\t=1+1", "a;'-1", "a;;=1", ";\t=1", "=1;=1", "a;\uff1d1"]
)
def test_no_part_that_a_spreadsheet_divides_is_a_formula(text: str) -> None:
    [[cell]] = read(to_csv([[text]]))
    parts = re.split("[;\t]", cell)
    assert len(parts) == len(re.split("[;\t]", text))
    assert not any(re.match("[=+\\-@\uff1d]", part) for part in parts)
    assert name_in(cell) == text


@pytest.mark.parametrize("text", ["a; -1", "a=1", "'quoted'", "1-2", "parts/-1.png", " =1", ""])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert read(to_csv([[text, "x"]])) == [[text, "x"]]


def test_numbers_stay_numbers() -> None:
    assert to_csv([[-0.25, -3, 1e-05, None, "-3"]]) == b"-0.25,-3,1e-05,,'-3\n"
