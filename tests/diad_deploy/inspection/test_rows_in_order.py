"""Rows from several threads come out in order, and are counted."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from diad_deploy.inspection.rows_in_order import RowsInOrder
from diad_deploy.inspection.summary import Progress
from diad_deploy.report import folder as layout
from diad_deploy.report.results import ResultRow, ResultsFiles, read_rows


def row(number: int, *, failed: bool = False) -> ResultRow:
    name = f"{number:03}.png"
    status = "failed" if failed else "ok"
    return ResultRow(picture=name, path=name, status=status, score=None if failed else 0.5)


def open_files(out: Path) -> ResultsFiles:
    return ResultsFiles(out / layout.RESULTS, out / layout.TABLE)


def written(out: Path) -> list[str]:
    return [row.picture for row in read_rows(out / layout.RESULTS)]


def test_a_row_waits_for_those_before_it(tmp_path: Path) -> None:
    reports: list[Progress] = []
    with open_files(tmp_path) as files:
        rows = RowsInOrder(files, tmp_path, reports.append, total=5, done=2)
        rows.put(1, row(1))
        assert written(tmp_path) == []
        rows.put(0, row(0, failed=True))
        assert written(tmp_path) == ["000.png", "001.png"]
    assert reports == [
        Progress(done=2, failed=0, total=5),
        Progress(done=3, failed=1, total=5),
        Progress(done=4, failed=1, total=5),
    ]


def test_many_threads(tmp_path: Path) -> None:
    with open_files(tmp_path) as files, ThreadPoolExecutor(8) as pool:
        rows = RowsInOrder(files, tmp_path, lambda now: None, total=200, done=0)
        for done in [pool.submit(rows.put, n, row(n)) for n in reversed(range(200))]:
            done.result()
    assert written(tmp_path) == [f"{n:03}.png" for n in range(200)]


@pytest.mark.parametrize(("dropped", "left"), [("000.png", False), ("001.png", True)])
def test_the_thumbnails_of_who_drops_out_go_and_ones_own_name_means_none(
    tmp_path: Path, dropped: str, left: bool
) -> None:
    relative = layout.thumbnail_path("000.png", "input")
    thumbnail = tmp_path / relative
    layout.write_output(tmp_path, relative, b"x")
    with open_files(tmp_path) as files:
        rows = RowsInOrder(files, tmp_path, lambda now: None, total=2, done=0)
        rows.put(1, row(1), (dropped,))
        assert thumbnail.exists()
        rows.put(0, row(0))
    assert thumbnail.exists() == left
