"""Layouts are recognized; the error for any other folder says what was expected."""

from pathlib import Path

import pytest

from diad_deploy.errors import InputError, OptionError
from diad_deploy.labelled.layouts.choice import LAYOUTS, find_labelled_set
from tests.diad_evaluate.labelled_folders import write_bad, write_good, write_mvtec_class


def make(folder: Path, layout: str) -> Path:
    if layout == "mvtec-ad":
        write_mvtec_class(folder / "screw")
    elif layout == "mvtec-3d":
        write_bad(folder / "bagel/test/hole/rgb/0.png", folder / "bagel/test/hole/gt/0.png")
    elif layout == "plain":
        write_good(folder / "good/0.png")
    else:
        write_good(folder / "candle/0.png")
        (folder / "split_csv").mkdir()
        table = "object,split,label,image,mask\ncandle,test,normal,candle/0.png,\n"
        (folder / "split_csv/1cls.csv").write_text(table)
    return folder


@pytest.mark.parametrize("layout", [each.name for each in LAYOUTS])
def test_each_is_recognised_and_can_be_named(tmp_path: Path, layout: str) -> None:
    folder = make(tmp_path, layout)
    found = find_labelled_set(folder)
    assert found.layout.name == layout
    assert found.images == find_labelled_set(folder, layout=layout).images
    assert all(image.path.is_file() for image in found.images)


def test_no_known_layout_names_all_that_was_looked_for(tmp_path: Path) -> None:
    write_good(tmp_path / "photos/a.png")
    with pytest.raises(InputError) as raised:
        find_labelled_set(tmp_path)
    for each in LAYOUTS:
        assert f"{each.title}: {each.looks_for}" in str(raised.value)


def test_a_layout_that_the_folder_has_not(tmp_path: Path) -> None:
    write_mvtec_class(tmp_path / "a")
    with pytest.raises(InputError, match=r"expected VisA: split_csv/1cls.csv; see") as raised:
        find_labelled_set(tmp_path, layout="visa")
    assert "MVTec" not in str(raised.value)
    with pytest.raises(OptionError, match="--layout coco: expected auto, mvtec-3d, mvtec-ad"):
        find_labelled_set(tmp_path, layout="coco")


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="gone: expected the folder of a test set, found no folder"
    ):
        find_labelled_set(tmp_path / "gone")


def test_classes_can_be_chosen(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_mvtec_class(tmp_path / name, good=1, bad=0)
    found = find_labelled_set(tmp_path, classes=("c", "a"))
    assert [p.product for p in found.images] == ["a", "c"]
    with pytest.raises(OptionError, match="--class d: not in the data; expected one of a, b, c"):
        find_labelled_set(tmp_path, classes=("a", "d"))
