"""Plain folders: good, defect, masks."""

from pathlib import Path

import pytest

from diad_deploy.labelled.layouts.plain import PLAIN
from tests.diad_evaluate.labelled_folders import write_bad, write_good


def test_one_folder_is_one_class(tmp_path: Path) -> None:
    root = tmp_path / "parts"
    write_good(root / "good/a.png")
    write_bad(root / "defect/a.png", root / "masks/a.png")
    write_bad(root / "defect/b.png", root / "masks/b_mask.png")
    write_bad(root / "defect/c.png")
    found = PLAIN.find(root)
    assert [(p.name, p.product, p.kind) for p in found] == [
        ("good/a.png", "parts", "good"),
        ("defect/a.png", "parts", "defect"),
        ("defect/b.png", "parts", "defect"),
        ("defect/c.png", "parts", "defect"),
    ]
    assert [p.mask for p in found[1:]] == [root / "masks/a.png", root / "masks/b_mask.png", None]


def test_a_folder_for_each_class_with_kinds_of_defect(tmp_path: Path) -> None:
    for name in ("cap", "bolt"):
        write_good(tmp_path / name / "good/line-1/a.png")
        write_bad(tmp_path / name / "defect/dent/a.png", tmp_path / name / "masks/dent/a.png")
        write_bad(tmp_path / name / "defect/good/a.png")
    found = PLAIN.find(tmp_path)
    assert [(p.product, p.kind) for p in found] == [
        *(("bolt", "good"), ("bolt", "dent"), ("bolt", "defect")),
        *(("cap", "good"), ("cap", "dent"), ("cap", "defect")),
    ]
    assert found[1].mask == tmp_path / "bolt/masks/dent/a.png"


def test_a_class_of_one_kind_is_there_too(tmp_path: Path) -> None:
    write_good(tmp_path / "a/good/1.png")
    write_bad(tmp_path / "b/defect/1.png", tmp_path / "b/masks/defect/1.png")
    found = PLAIN.find(tmp_path)
    assert [(p.product, p.defective) for p in found] == [("a", False), ("b", True)]
    assert found[1].mask == tmp_path / "b/masks/defect/1.png"


@pytest.mark.parametrize(
    ("good", "bad", "masks"),
    [
        ("Good", "Defect", "Masks"),
        ("OK", "NG", "masks"),
        ("ok", "ko", "ground_truth"),
        ("IO", "NIO", "masks"),
    ],
)
def test_folders_by_any_name(tmp_path: Path, good: str, bad: str, masks: str) -> None:
    root = tmp_path / "parts"
    write_good(root / good / "a.png")
    write_bad(root / bad / "a.png", root / masks / "a.png")
    write_bad(root / bad / "dent/b.png", root / masks / bad / "dent/b.png")
    assert [(p.product, p.kind, p.mask) for p in PLAIN.find(root)] == [
        ("parts", "good", None),
        ("parts", bad.lower(), root / masks / "a.png"),
        ("parts", "dent", root / masks / bad / "dent/b.png"),
    ]


def test_a_class_may_be_called_normal(tmp_path: Path) -> None:
    for name in ("normal", "dark"):
        write_good(tmp_path / name / "good/1.png")
        write_bad(tmp_path / name / "defect/1.png")
    found = PLAIN.find(tmp_path)
    assert [(p.product, p.defective) for p in found] == [
        *(("dark", False), ("dark", True)),
        *(("normal", False), ("normal", True)),
    ]


def test_a_name_of_defects_counts_before_one_of_good_images(tmp_path: Path) -> None:
    root = tmp_path / "parts"
    write_good(root / "ok/1.png")
    for name in ("bad/2.png", "bad/pass/3.png", "good/ng/4.png"):
        write_bad(root / name)
    assert [(p.name, p.kind) for p in PLAIN.find(root)] == [
        ("good/ng/4.png", "ng"),
        ("ok/1.png", "good"),
        ("bad/2.png", "bad"),
        ("bad/pass/3.png", "bad"),
    ]


def test_masks_among_defects_are_no_kind_and_suffixes_match_in_any_case(tmp_path: Path) -> None:
    root = tmp_path / "parts"
    write_good(root / "good/a.png")
    write_good(root / "good/masks/a.png")
    write_bad(root / "defect/a.png", root / "defect/masks/a.png")
    write_bad(root / "defect/b.PNG", root / "masks/b.PNG")
    write_bad(root / "defect/C.png", root / "masks/c.png")
    assert [(p.name, p.mask) for p in PLAIN.find(root)] == [
        ("good/a.png", None),
        ("defect/C.png", None),
        ("defect/a.png", root / "defect/masks/a.png"),
        ("defect/b.PNG", root / "masks/b.PNG"),
    ]


def test_a_class_may_be_called_io(tmp_path: Path) -> None:
    write_good(tmp_path / "io/good/1.png")
    write_bad(tmp_path / "gear/n.i.o./1.png")
    assert [(p.product, p.kind) for p in PLAIN.find(tmp_path)] == [("gear", "nio"), ("io", "good")]


def test_masks_beside_the_classes_are_no_class(tmp_path: Path) -> None:
    write_good(tmp_path / "gear/ok/1.png")
    for label in ("good", "defect"):
        write_good(tmp_path / "Masks" / label / "1.png")
    assert [p.product for p in PLAIN.find(tmp_path)] == ["gear"]


def test_the_only_class_may_be_called_masks(tmp_path: Path) -> None:
    write_good(tmp_path / "masks/good/1.png")
    assert [p.product for p in PLAIN.find(tmp_path)] == ["masks"]
