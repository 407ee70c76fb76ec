"""Which files the paths stand for, and that no two are called the same."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from diad_deploy.errors import InputError
from diad_deploy.images.discover import find_images


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(paths: Sequence[str | Path], exclude: Sequence[Path] = ()) -> list[str]:
    return [image.name for image in find_images(paths, exclude=exclude)]


def test_a_folder_is_searched_to_any_depth_in_order(folder: Path) -> None:
    touch("parts/b.png", "parts/a.JPG", "parts/deep/er/c.tif", "parts/notes.txt")
    assert names(["parts"]) == ["parts/a.JPG", "parts/b.png", "parts/deep/er/c.tif"]


@pytest.mark.parametrize(
    "suffix", ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp", "gif", "ppm", "pgm", "jp2"]
)
def test_known_suffixes(folder: Path, suffix: str) -> None:
    touch(f"parts/a.{suffix}")
    assert names(["parts"]) == [f"parts/a.{suffix}"]


def test_hidden_files_are_skipped(folder: Path) -> None:
    touch("parts/.a.png", "parts/.cache/b.png", "parts/c.png")
    assert names(["parts"]) == ["parts/c.png"]
    assert names(["parts/**"]) == ["c.png"]


def test_a_file_named_outright_is_taken_whatever_its_suffix(folder: Path) -> None:
    touch("scan.dat", ".hidden.png")
    assert names(["scan.dat", ".hidden.png"]) == ["scan.dat", ".hidden.png"]


def test_paths_stay_as_they_were_given(folder: Path) -> None:
    touch("parts/a.png")
    assert [image.path for image in find_images(["parts"])] == [Path("parts/a.png")]
    (absolute,) = find_images([folder / "parts"])
    assert absolute.path == folder / "parts/a.png"
    assert absolute.name == "parts/a.png"


def test_two_folders_with_the_same_names_both_survive(folder: Path) -> None:
    touch("x/good/1.png", "y/good/1.png")
    assert names(["x/good", "y/good"]) == ["x/good/1.png", "y/good/1.png"]
    assert names(["x/good/1.png", "y/good/1.png"]) == ["x/good/1.png", "y/good/1.png"]


def test_names_never_leave_the_output(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch("a.png", "here/b.png", "other/c.png")
    monkeypatch.chdir("here")
    assert names(["../a.png", ".", "../other/../other", folder / "a.png"]) == [
        "a.png",
        "here/b.png",
        "other/c.png",
    ]


def test_an_image_given_twice_is_taken_once(folder: Path) -> None:
    touch("parts/a.png")
    assert names(["parts", "./parts/a.png", folder / "parts"]) == ["parts/a.png"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", ["a.png"]),
        ("sub/*.png", ["b.png"]),
        ("**/*.png", ["a.png", "sub/b.png", "sub/deep/c.png"]),
        ("sub/*", ["b.png", "deep/c.png"]),
        ("sub/?.dat", ["e.dat"]),
        ("[ab].png", ["a.png"]),
    ],
)
def test_patterns_that_the_shell_left_alone(
    folder: Path, pattern: str, expected: list[str]
) -> None:
    touch("a.png", "sub/b.png", "sub/deep/c.png", "sub/e.dat", "sub/notes.txt")
    assert names([pattern]) == expected
    assert names([folder / pattern]) == expected


def test_a_file_whose_name_looks_like_a_pattern(folder: Path) -> None:
    touch("a[1].png", "a1.png")
    assert names(["a[1].png"]) == ["a[1].png"]


@pytest.mark.parametrize("missing", ["gone.png", "gone/*.png"])
def test_a_path_where_nothing_lies_becomes_an_image_to_fail(folder: Path, missing: str) -> None:
    touch("a.png")
    images = find_images([missing, "a.png"])
    assert [str(image.path) for image in images] == [missing, "a.png"]
    assert images[0].identity() is None
    assert images[1].identity() == (1, Path("a.png").stat().st_mtime_ns)


def test_an_empty_folder_is_reported_as_empty(folder: Path) -> None:
    Path("empty").mkdir()
    with pytest.raises(InputError, match=r"^empty: no images found; expected .*png"):
        find_images(["empty"])
    with pytest.raises(InputError, match="no paths"):
        find_images([])


def test_the_runs_own_folders_are_passed_over(folder: Path) -> None:
    touch("a.png", "out/heatmaps/a.png.png", "out/b.png")
    own = [Path("out/heatmaps")]
    assert names(["."], own) == [f"{folder.name}/a.png", f"{folder.name}/out/b.png"]
    assert names(["**/*.png"], own) == ["a.png", "out/b.png"]


def test_links_are_followed_but_not_for_ever(folder: Path) -> None:
    touch("real/a.png")
    Path("parts").mkdir()
    Path("parts/linked").symlink_to("../real")
    Path("parts/round").symlink_to(".")
    assert names(["parts"]) == ["parts/linked/a.png"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter every folder")
def test_a_folder_that_may_not_be_entered_is_not_passed_over_in_silence(folder: Path) -> None:
    touch("parts/a.png", "parts/locked/b.png")
    Path("parts/locked").chmod(0)
    assert names(["parts"]) == ["parts/a.png", "parts/locked"]
    Path("parts/locked").chmod(0o700)
