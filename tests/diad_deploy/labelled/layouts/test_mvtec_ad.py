"""MVTec-AD's layout, whole and one class of it."""

from pathlib import Path

import pytest

from diad_deploy.labelled.layouts.mvtec_ad import MVTEC_AD
from tests.diad_evaluate.labelled_folders import write_bad, write_good, write_mvtec_class


def test_classes_kinds_and_masks(tmp_path: Path) -> None:
    for name in ("screw", "bottle"):
        write_mvtec_class(tmp_path / name, good=1, bad=2)
        write_good(tmp_path / name / "train" / "good" / "000.png")
    found = MVTEC_AD.find(tmp_path)
    assert [(p.name, p.product, p.kind, p.defective) for p in found[:3]] == [
        ("bottle/test/good/000.png", "bottle", "good", False),
        ("bottle/test/scratch/000.png", "bottle", "scratch", True),
        ("bottle/test/scratch/001.png", "bottle", "scratch", True),
    ]
    assert [p.product for p in found] == ["bottle"] * 3 + ["screw"] * 3
    assert found[0].mask is None
    assert found[2].mask == tmp_path / "bottle/ground_truth/scratch/001_mask.png"


def test_one_class_is_enough(tmp_path: Path) -> None:
    write_mvtec_class(tmp_path / "screw", good=1, bad=1)
    found = MVTEC_AD.find(tmp_path / "screw")
    assert [(p.name, p.product) for p in found] == [
        ("test/good/000.png", "screw"),
        ("test/scratch/000.png", "screw"),
    ]


def test_a_missing_mask_and_one_of_another_name(tmp_path: Path) -> None:
    write_bad(tmp_path / "a/test/dent/1.png", tmp_path / "a/ground_truth/dent/1.png")
    write_bad(tmp_path / "a/test/dent/2.png")
    write_bad(tmp_path / "a/test/dent/3.png", tmp_path / "a/ground_truth/dent/3_mask.bmp")
    masks = [image.mask for image in MVTEC_AD.find(tmp_path)]
    folder = tmp_path / "a/ground_truth/dent"
    assert masks == [folder / "1.png", None, folder / "3_mask.bmp"]


def test_hidden_files_and_other_files_are_passed_over(tmp_path: Path) -> None:
    write_mvtec_class(tmp_path / "a", good=1, bad=0)
    write_good(tmp_path / "a/test/good/.hidden.png")
    write_good(tmp_path / "a/test/.hidden/1.png")
    (tmp_path / "a/test/good/readme.txt").write_text("no image")
    assert [p.name for p in MVTEC_AD.find(tmp_path)] == ["a/test/good/000.png"]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        *(("ok", "ko"), ("OK", "NG"), ("Good", "Scratch"), ("defect-free", "Reject")),
        *(("i.O.", "n.i.O."), ("io", "Scratch")),
    ],
)
def test_good_ones_by_any_name(tmp_path: Path, good: str, bad: str) -> None:
    write_good(tmp_path / "a/Test" / good / "1.png")
    write_bad(tmp_path / "a/Test" / bad / "1.png", tmp_path / "a/Ground_Truth" / bad / "1_mask.png")
    found = {image.name: image for image in MVTEC_AD.find(tmp_path)}
    assert {name: (each.kind, each.defective) for name, each in found.items()} == {
        f"a/Test/{good}/1.png": ("good", False),
        f"a/Test/{bad}/1.png": (bad, True),
    }
    assert found[f"a/Test/{bad}/1.png"].mask == tmp_path / "a/Ground_Truth" / bad / "1_mask.png"


def test_masks_beside_the_kinds_are_no_kind(tmp_path: Path) -> None:
    write_good(tmp_path / "test/ok/1.png")
    write_bad(tmp_path / "test/ng/1.png", tmp_path / "test/masks/1.png")
    found = MVTEC_AD.find(tmp_path)
    assert [(p.kind, p.mask) for p in found] == [
        ("ng", tmp_path / "test/masks/1.png"),
        ("good", None),
    ]
