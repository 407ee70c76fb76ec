"""Names of outputs, and writing that is whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from diad_deploy.errors import OutputError
from diad_deploy.report import folder as layout


def test_suffixes_are_added_so_that_names_do_not_meet() -> None:
    assert layout.heatmap_path("parts/a.png") == "heatmaps/parts/a.png.png"
    assert layout.heatmap_path("parts/a.jpg") == "heatmaps/parts/a.jpg.png"
    assert layout.map_path("parts/a.png", "tiff") == "maps/parts/a.png.tiff"
    assert layout.map_path("a.png", "npy") == "maps/a.png.npy"
    assert layout.thumbnail_path("a.png", "input") == "thumbnails/a.png.input.jpg"


def test_names_too_long_for_the_file_system_are_shortened_and_stay_apart(tmp_path: Path) -> None:
    paths = [layout.heatmap_path("parts/" + "ü" * 120 + f"{n}.png") for n in range(2)]
    assert len(set(paths)) == 2
    for path in paths:
        layout.write_output(tmp_path, path, b"x")
    just_fits = "a" * 251
    assert layout.heatmap_path(just_fits) == f"heatmaps/{just_fits}.png"
    assert len(os.fsencode(Path(layout.heatmap_path("a" * 252)).name)) <= 255


def all_paths(image: str) -> list[str]:
    return [
        layout.heatmap_path(image),
        *(layout.map_path(image, kind) for kind in layout.MAP_SUFFIXES),
        *(layout.thumbnail_path(image, kind) for kind in layout.THUMBNAIL_KINDS),
    ]


LONG = "a" * 252
SHORTENED = Path(layout.heatmap_path(LONG)).name.removesuffix(".png")
CLASHING = (
    *("b.png", "b.png.png", "b.png.png.png", "b.png.png/c.png", "b.png.png~/c.png"),
    *("b.png.PNG/c.png", "b.png.npy/c.png", "b.png.tiff/c.png", "b.png.input.jpg/c.png"),
    *(LONG, SHORTENED, f"{LONG}/c.png", f"{SHORTENED}/c.png", f"{'a' * 250}.png/c.png"),
    *(f"{'a' * 250}.png~/c.png", f"{'a' * 251}.png/c.png"),
)


def test_no_output_is_anothers_or_a_folder_of_anothers(tmp_path: Path) -> None:
    paths = [path for image in CLASHING for path in all_paths(image)]
    assert len(set(paths)) == len(paths)
    for path in paths:
        layout.write_output(tmp_path, path, path.encode())
    assert all((tmp_path / path).read_bytes() == path.encode() for path in paths)


def test_folders_that_look_like_no_output_keep_their_names() -> None:
    assert layout.heatmap_path("v1.0/png/a.b/x~/c.png") == "heatmaps/v1.0/png/a.b/x~/c.png.png"
    assert layout.heatmap_path("b.png.png/c.png") == "heatmaps/b.png.png~/c.png.png"


def test_a_folder_that_empties_under_a_writer_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.write_bytes

    def emptied_once(path: Path, content: bytes) -> int:
        monkeypatch.setattr(Path, "write_bytes", real)
        path.parent.rmdir()
        return real(path, content)

    monkeypatch.setattr(Path, "write_bytes", emptied_once)
    layout.write_output(tmp_path, "thumbnails/parts/a.jpg", b"x")
    assert (tmp_path / "thumbnails/parts/a.jpg").read_bytes() == b"x"


def test_a_report_that_was_removed_is_not_begun_anew(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        layout.write_output(tmp_path / "out", "heatmaps/parts/a.png", b"x")
    assert list(tmp_path.iterdir()) == []


def test_replacing_leaves_the_old_file_where_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    layout.replace_file(path, b"old")

    def fail() -> None:
        with layout.replacing(path) as partial:
            partial.write_bytes(b"ne")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_removing_takes_an_images_files_and_the_folders_left_empty(tmp_path: Path) -> None:
    for path in (
        layout.heatmap_path("parts/a.png"),
        layout.map_path("parts/a.png", "npy"),
        layout.thumbnail_path("parts/a.png", "input"),
        "heatmaps/parts/mine.txt",
        "report.html",
        "mine.txt",
    ):
        layout.write_output(tmp_path, path, b"x")
    layout.remove_report(tmp_path, iter(["parts/a.png", "parts/never.png"]))
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["heatmaps", "heatmaps/parts", "heatmaps/parts/mine.txt", "mine.txt"]


def test_nothing_outside_the_folder_is_removed(tmp_path: Path) -> None:
    outside = tmp_path / "mine.png.png"
    outside.write_bytes(b"x")
    report = tmp_path / "out"
    (report / "heatmaps").mkdir(parents=True)
    layout.remove_report(report, iter(["../../mine.png", f"{tmp_path}/mine.png"]))
    assert outside.exists()


def test_what_the_file_system_refuses_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as raised, layout.writing_to(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device", "heatmaps/a.png.png")
    assert str(raised.value).startswith(
        f"{tmp_path}: cannot be written: No space left on device (heatmaps/a.png.png); free disk"
    )
