"""Images in any folders, labelled by the names of the folders."""

from pathlib import Path

from diad_deploy.labelled.layouts.by_folders import find_by_folders, label_by_folders
from tests.diad_evaluate.labelled_folders import write_bad, write_good


def test_classes_kinds_and_masks(tmp_path: Path) -> None:
    write_good(tmp_path / "gear/good/1.png")
    write_bad(tmp_path / "gear/dent/2.png", tmp_path / "gear/masks/dent/2.png")
    write_bad(tmp_path / "3.png")
    found = find_by_folders(tmp_path)
    assert [(p.name, p.product, p.kind) for p in found] == [
        ("3.png", tmp_path.name, "defect"),
        ("gear/dent/2.png", "gear", "dent"),
        ("gear/good/1.png", "gear", "good"),
    ]
    assert [p.mask for p in found] == [None, tmp_path / "gear/masks/dent/2.png", None]


def test_images_without_labels(tmp_path: Path) -> None:
    write_good(tmp_path / "gear/1.png")
    [found] = find_by_folders(tmp_path)
    assert (found.product, found.kind, found.defective) == ("gear", "", None)


def test_mvtec_3ds_masks_and_point_clouds_are_no_images() -> None:
    folders = [("train", "good", name) for name in ("rgb", "GT", "xyz")] + [("gt", "good")]
    labels = label_by_folders(folders, above="bagel")
    assert [label.masks_at for label in labels] == [None, 2, 2, None]
    assert [label.product for label in labels[-1:]] == ["gt"]
