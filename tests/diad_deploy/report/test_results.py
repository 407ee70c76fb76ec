"""Rows: to JSON Lines and CSV, and back."""

import csv
import errno
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from diad_deploy.errors import OutputError
from diad_deploy.regions import Region
from diad_deploy.report.results import (
    COLUMNS,
    ResultRow,
    ResultsFiles,
    read_rows,
    rounded_score,
    to_json_line,
)

OK = ResultRow(
    picture="parts/a.png",
    path="/data/parts/a.png",
    status="ok",
    score=0.25,
    width=24,
    height=16,
    heatmap="heatmaps/parts/a.png.png",
    size_bytes=100,
    modified_ns=1_700_000_000_123_456_789,
)
FAILED = ResultRow(picture='b",\n.png', path="b", status="failed", reason="no such file")
DECIDED = replace(
    OK,
    class_name="screw",
    threshold=0.2,
    decision="defect",
    margin=0.05,
    regions=(
        Region(
            contour=((1, 2), (4, 2), (4, 8)),
            box=(1, 2, 4, 7),
            area_px=20,
            peak=0.5,
            peak_xy=(3, 4),
        ),
    ),
)
STRAY = ResultRow(picture="stray-\udcff-größe.png", path="x", status="failed", reason="r")


def write(folder: Path, *rows: ResultRow) -> tuple[Path, Path]:
    paths = folder / "results.jsonl", folder / "results.csv"
    with ResultsFiles(*paths) as files:
        for row in rows:
            files.append(row)
    return paths


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    jsonl, _ = write(tmp_path, OK, FAILED, STRAY, DECIDED)
    assert list(read_rows(jsonl)) == [OK, FAILED, STRAY, DECIDED]
    jsonl.read_text(encoding="utf-8")  # plain UTF-8, stray bytes and all


def test_the_fields_of_a_line_are_the_documented_ones() -> None:
    assert json.loads(to_json_line(OK)) == {
        "picture": "parts/a.png",
        "path": "/data/parts/a.png",
        "status": "ok",
        "score": 0.25,
        "reason": None,
        "width": 24,
        "height": 16,
        "heatmap": "heatmaps/parts/a.png.png",
        "map": None,
        "size_bytes": 100,
        "modified_ns": 1_700_000_000_123_456_789,
        "class": None,
        "threshold": None,
        "decision": None,
        "margin": None,
        "regions": None,
        "note": None,
    }


def test_a_decided_line_has_class_and_regions() -> None:
    values = json.loads(to_json_line(DECIDED))
    assert (values["class"], values["decision"], values["margin"]) == ("screw", "defect", 0.05)
    assert "class_name" not in values
    assert values["regions"] == [
        {
            "contour": [[1, 2], [4, 2], [4, 8]],
            "box": [1, 2, 4, 7],
            "area_px": 20,
            "peak": 0.5,
            "peak_xy": [3, 4],
        }
    ]


def test_the_table_has_the_same_rows_and_columns(tmp_path: Path) -> None:
    _, table = write(tmp_path, OK, FAILED)
    with table.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert [row[0] for row in rows] == ["parts/a.png", 'b",\n.png']
    assert rows[0][3] == "0.25"
    assert rows[1][3] == ""


def test_the_table_counts_regions_and_gives_their_boxes(tmp_path: Path) -> None:
    _, table = write(tmp_path, OK, DECIDED)
    with table.open(newline="", encoding="utf-8") as file:
        plain, decided = csv.DictReader(file)
    assert (plain["class"], plain["regions"], plain["boxes"]) == ("", "", "")
    assert (decided["class"], decided["decision"]) == ("screw", "defect")
    assert (decided["regions"], decided["boxes"]) == ("1", "[[1, 2, 4, 7]]")


def test_names_cannot_break_the_table_or_run_in_it_and_the_lines_keep_them(tmp_path: Path) -> None:
    names = ["a\rb.png", "=cmd|x!A1", "-1.png", "a\n\r\n.png"]
    rows = [replace(DECIDED, picture=name, path=name, margin=-0.05) for name in names]
    lines, table = write(tmp_path, *rows)
    assert [row.picture for row in read_rows(lines)] == names
    with table.open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert [row["picture"] for row in found] == ["a\rb.png", "'=cmd|x!A1", "'-1.png", names[3]]
    assert {row["margin"] for row in found} == {"-0.05"}


def test_a_line_of_a_version_without_decisions_is_read(tmp_path: Path) -> None:
    values = json.loads(to_json_line(OK))
    for name in ("class", "threshold", "decision", "margin", "regions"):
        del values[name]
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps(values) + "\n")
    assert list(read_rows(path)) == [OK]


def test_each_row_is_on_disk_at_once_and_the_header_once(tmp_path: Path) -> None:
    jsonl, table = tmp_path / "results.jsonl", tmp_path / "results.csv"
    with ResultsFiles(jsonl, table) as files:
        files.append(OK)
        assert list(read_rows(jsonl)) == [OK]
        assert table.read_text().count("\n") == 2
    with ResultsFiles(jsonl, table) as files:
        files.append(FAILED)
    assert list(read_rows(jsonl)) == [OK, FAILED]
    assert table.read_text().count("picture,path") == 1


@pytest.mark.parametrize("kept", [0, 1, 30, -1])
def test_a_torn_last_line_is_left_out(tmp_path: Path, kept: int) -> None:
    jsonl, _ = write(tmp_path, OK)
    jsonl.write_bytes(jsonl.read_bytes() + to_json_line(FAILED)[:kept])
    assert list(read_rows(jsonl)) == [OK]


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        '{"picture": "a"}',
        '{"picture": 1, "path": "a", "status": "failed"}',
        '{"picture": "a", "path": "a", "status": "ok", "score": null}',
        '{"picture": "a", "path": "a", "status": "odd"}',
        '{"picture": "a", "path": "a", "status": "failed", "new_field": 1}',
        '{"picture": "a", "path": "a", "status": "failed", "decision": "odd"}',
        '{"picture": "a", "path": "a", "status": "failed", "regions": {}}',
        '{"picture": "a", "path": "a", "status": "failed", "regions": [{"box": [1, 2]}]}',
        '{"picture": "a", "path": "a", "status": "failed", "threshold": "0.5"}',
    ],
)
def test_another_line_is_refused_and_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(to_json_line(OK).decode() + line + "\n")
    with pytest.raises(OutputError, match=r"results\.jsonl, line 2: expected a result"):
        list(read_rows(path))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("name", ["score", "threshold", "margin", "peak"])
def test_a_number_that_is_not_finite_is_refused_and_named(
    tmp_path: Path, name: str, number: str
) -> None:
    line = to_json_line(DECIDED).decode()
    changed = re.sub(rf'"{name}": [-0-9.]+', f'"{name}": {number}', line)
    assert changed != line
    path = tmp_path / "results.jsonl"
    path.write_text(to_json_line(OK).decode() + changed)
    with pytest.raises(OutputError, match=rf"line 2: .*{name}: expected a finite number.*--force"):
        list(read_rows(path))


def test_no_results_yet(tmp_path: Path) -> None:
    assert list(read_rows(tmp_path / "results.jsonl")) == []


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jsonl, table = tmp_path / "results.jsonl", tmp_path / "results.csv"
    with ResultsFiles(jsonl, table) as files:
        files.append(OK)

        class Filling:
            """Takes ten bytes and refuses the rest."""

            def __init__(self) -> None:
                self.file = files._jsonl
                self.left = 10

            def __getattr__(self, name: str) -> object:
                return getattr(self.file, name)

            def write(self, data: memoryview) -> int:
                if not self.left:
                    raise OSError(errno.ENOSPC, "No space left on device")
                self.left, taken = 0, self.left
                return self.file.write(data[:taken])

        monkeypatch.setattr(files, "_jsonl", Filling())
        with pytest.raises(OSError, match="No space left"):
            files.append(FAILED)
    assert jsonl.read_bytes() == to_json_line(OK)


def test_scores_keep_six_digits() -> None:
    assert rounded_score(0.123456789) == 0.123457
    assert rounded_score(1.23456789e-5) == 1.23457e-5
