"""Which rows of a stopped run stay, and the order the files end in."""

from pathlib import Path

import pytest

from diad_deploy.images.discover import ImageFile, find_images
from diad_deploy.report import folder as layout
from diad_deploy.report.ranking import HighestScores
from diad_deploy.report.results import (
    ResultRow,
    ResultsFiles,
    read_rows,
    to_csv_line,
    to_json_line,
)
from diad_deploy.report.resuming import keep_finished, rewrite_results
from tests.diad_deploy.fake_detector import write_image, write_images


@pytest.fixture
def files(tmp_path: Path) -> list[ImageFile]:
    write_images(tmp_path / "parts", 4)
    return find_images([tmp_path / "parts"])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def ok_row(out: Path, file: ImageFile, score: float = 0.5) -> ResultRow:
    """A row with its outputs, as a run leaves them."""
    layout.write_output(out, layout.heatmap_path(file.name), b"x")
    for kind in layout.THUMBNAIL_KINDS:
        layout.write_output(out, layout.thumbnail_path(file.name, kind), b"x")
    identity = file.identity()
    assert identity is not None
    return ResultRow(
        picture=file.name,
        path=str(file.path),
        status="ok",
        score=score,
        heatmap=layout.heatmap_path(file.name),
        size_bytes=identity[0],
        modified_ns=identity[1],
    )


def failed_row(file: ImageFile) -> ResultRow:
    return ResultRow(picture=file.name, path=str(file.path), status="failed", reason="r")


def write(out: Path, *rows: ResultRow) -> None:
    with ResultsFiles(out / layout.RESULTS, out / layout.TABLE) as results:
        for row in rows:
            results.append(row)


def images(out: Path) -> list[str]:
    rows = list(read_rows(out / layout.RESULTS))
    table = b"".join([to_csv_line(None), *map(to_csv_line, rows)])
    assert (out / layout.TABLE).read_bytes() == table
    return [row.picture for row in rows]


def test_finished_images_stay(out: Path, files: list[ImageFile]) -> None:
    write(out, ok_row(out, files[0], 0.1), ok_row(out, files[1], 0.9))
    kept = keep_finished(out, files)
    assert kept.names == {files[0].name, files[1].name}
    assert kept.highest.names() == [files[1].name, files[0].name]
    assert images(out) == [files[0].name, files[1].name]


def test_failures_are_tried_again(out: Path, files: list[ImageFile]) -> None:
    write(out, ok_row(out, files[0]), failed_row(files[1]))
    assert keep_finished(out, files).names == {files[0].name}
    assert images(out) == [files[0].name]


def test_an_image_that_changed_is_done_again(out: Path, files: list[ImageFile]) -> None:
    write(out, ok_row(out, files[0]), ok_row(out, files[1]))
    write_image(files[0].path, red=1, width=99)
    assert keep_finished(out, files).names == {files[1].name}


@pytest.mark.parametrize("lost", ["heatmap", "thumbnail"])
def test_an_image_whose_outputs_are_gone_is_done_again(
    out: Path, files: list[ImageFile], lost: str
) -> None:
    write(out, ok_row(out, files[0]), ok_row(out, files[1]))
    name = files[0].name
    path = {
        "heatmap": layout.heatmap_path(name),
        "thumbnail": layout.thumbnail_path(name, "reconstruction"),
    }[lost]
    (out / path).unlink()
    assert keep_finished(out, files).names == {files[1].name}


def test_an_image_that_was_moved_away_keeps_its_result(out: Path, files: list[ImageFile]) -> None:
    write(out, ok_row(out, files[0]), ok_row(out, files[1]))
    assert keep_finished(out, files[1:]).names == {files[0].name, files[1].name}
    assert images(out) == [files[1].name, files[0].name]


def test_a_torn_line_is_dropped_from_both_files(out: Path, files: list[ImageFile]) -> None:
    write(out, ok_row(out, files[0]))
    with (out / layout.RESULTS).open("ab") as jsonl, (out / layout.TABLE).open("ab") as table:
        jsonl.write(to_json_line(failed_row(files[1]))[:-9])
        table.write(b"torn")
    keep_finished(out, files)
    assert images(out) == [files[0].name]


def test_thumbnails_that_the_page_does_not_show_are_removed(
    out: Path, files: list[ImageFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HighestScores.__init__, "__defaults__", (1, 1, 40))
    write(out, ok_row(out, files[0], 0.1), ok_row(out, files[1], 0.9))
    keep_finished(out, files)
    assert not (out / layout.thumbnail_path(files[0].name, "input")).exists()
    assert (out / layout.thumbnail_path(files[1].name, "input")).exists()


def test_a_kill_before_the_first_row(out: Path, files: list[ImageFile]) -> None:
    assert keep_finished(out, files).names == frozenset()
    assert images(out) == []


def test_rewriting_puts_rows_in_the_given_order_and_others_last(
    out: Path, files: list[ImageFile]
) -> None:
    names = [file.name for file in files]
    write(out, *(failed_row(files[place]) for place in (3, 1, 0, 2)))
    rewrite_results(out, [names[0], names[1], names[2]])
    assert images(out) == names
    assert sorted(path.name for path in out.iterdir()) == [layout.TABLE, layout.RESULTS]
