"""Classes by folders."""

import re
from pathlib import Path

import pytest

from diad_deploy.images.classes import (
    DEFECT_FOLDERS,
    GOOD_FOLDERS,
    MASK_FOLDERS,
    class_from_folders,
    innermost_class,
    label_from_folders,
)

FORMATS = Path(__file__).parents[3] / "docs/formats/test-sets.md"


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (("screw",), "screw"),
        (("screw", "good"), "screw"),
        (("screw", "train", "good"), "screw"),
        (("train", "screw", "good"), "screw"),
        (("Good", "screw"), "screw"),
        (("train", "good"), None),
        (("test", "ko"), None),
        (("NG", "screw"), "screw"),
        (("screw", "Defect"), "screw"),
        ((), None),
    ],
)
def test_the_first_folder_that_is_a_class(folders: tuple[str, ...], expected: str | None) -> None:
    assert class_from_folders(folders) == expected


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (("test", "OK"), True),
        (("screw", "Good", "line-1"), True),
        (("defect free",), True),
        (("test", "ko"), False),
        (("No-Good", "2024"), False),
        # a name of defects counts before one of good parts
        (("defect", "ok"), False),
        (("ok", "ng"), False),
        (("anomaly", "test", "good"), True),
        (("n.i.O.",), False),
        (("test", "scratch"), None),
        # above a split it is a variant of the data, unless it is `good`
        (("normal", "test", "scratch"), None),
        (("good", "test", "line-1"), True),
        (("ok", "train"), True),
        ((), None),
    ],
)
def test_what_folders_say_of_an_image(folders: tuple[str, ...], expected: bool | None) -> None:
    assert label_from_folders(folders) is expected


def test_the_innermost_known_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"screw", "gear"}
    assert innermost_class("photos/screw/test/scratch/1.png", known) == "screw"
    assert innermost_class("/gear/photos/screw/1.png", known) == "screw"
    assert innermost_class("photos/screws/1.png", known) is None
    assert innermost_class("photos/screw", known) is None
    assert innermost_class("screw/1.png", ()) is None
    (tmp_path / "gear").mkdir()
    monkeypatch.chdir(tmp_path / "gear")
    assert innermost_class("1.png", known) == "gear"
    assert innermost_class("../other/1.png", known) is None


@pytest.mark.parametrize(
    ("row", "names"),
    [
        ("good", GOOD_FOLDERS),
        ("defects", DEFECT_FOLDERS),
        ("masks", MASK_FOLDERS | {"gt", "mvtec-3d"}),
    ],
)
def test_the_document_names_the_same_folders(row: str, names: frozenset[str]) -> None:
    [line] = [each for each in FORMATS.read_text().splitlines() if each.startswith(f"| {row} |")]
    assert set(re.findall("`([^`]+)`", line)) == names
