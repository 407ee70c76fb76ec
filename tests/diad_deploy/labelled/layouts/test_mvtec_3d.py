"""MVTec-3D's layout: the RGB images alone."""

from pathlib import Path

from diad_deploy.labelled.layouts.mvtec_3d import MVTEC_3D
from diad_deploy.labelled.layouts.mvtec_ad import MVTEC_AD
from tests.diad_evaluate.labelled_folders import write_bad, write_good


def test_images_and_masks_stand_beside_each_other(tmp_path: Path) -> None:
    test = tmp_path / "bagel" / "test"
    write_good(test / "good/rgb/000.png")
    write_good(test / "good/gt/000.png")
    write_bad(test / "crack/rgb/000.png", test / "crack/gt/000.png")
    (test / "crack/xyz").mkdir()
    found = MVTEC_3D.find(tmp_path)
    assert [(p.name, p.product, p.kind, p.mask) for p in found] == [
        ("bagel/test/crack/rgb/000.png", "bagel", "crack", test / "crack/gt/000.png"),
        ("bagel/test/good/rgb/000.png", "bagel", "good", None),
    ]
    assert [p.name for p in MVTEC_3D.find(tmp_path / "bagel")] == [
        "test/crack/rgb/000.png",
        "test/good/rgb/000.png",
    ]
    assert MVTEC_AD.find(tmp_path) == []


def test_good_ones_by_any_name(tmp_path: Path) -> None:
    write_good(tmp_path / "test/OK/RGB/0.png")
    write_bad(tmp_path / "test/hole/RGB/0.png", tmp_path / "test/hole/GT/0.png")
    found = {image.kind: image.mask for image in MVTEC_3D.find(tmp_path)}
    assert found == {"good": None, "hole": tmp_path / "test/hole/GT/0.png"}
