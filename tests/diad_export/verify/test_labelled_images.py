"""What a folder's layout says of its images."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diad_deploy.errors import InputError
from diad_export.verify.labelled_images import find_labelled


def image(path: Path, *, white: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    value = 255 if white else 0
    array = np.zeros((16, 16, 3), dtype=np.uint8)
    array[:8] = value
    Image.fromarray(array).save(path)


def test_mvtecs_layout(tmp_path: Path) -> None:
    image(tmp_path / "test" / "good" / "000.png")
    image(tmp_path / "test" / "crack" / "000.png")
    image(tmp_path / "ground_truth" / "crack" / "000_mask.png", white=True)
    bad, good = find_labelled(tmp_path / "test")
    assert (bad.name, bad.defective, good.defective) == ("crack/000.png", True, False)
    marked, clear = bad.read_mask(8), good.read_mask(8)
    assert marked is not None
    assert marked[:4].all()
    # the published resize lets a region grow at its rim
    assert not marked[5:].any()
    assert clear is not None
    assert not clear.any()


def test_a_plain_folder_with_masks(tmp_path: Path) -> None:
    image(tmp_path / "good" / "a.png")
    image(tmp_path / "defect" / "b.png")
    image(tmp_path / "masks" / "defect" / "b.png", white=True)
    found = find_labelled(tmp_path)
    assert [p.name for p in found] == ["defect/b.png", "good/a.png"]
    assert found[0].mask == tmp_path / "masks" / "defect" / "b.png"


def test_images_without_labels(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    [found] = find_labelled(tmp_path)
    assert found.defective is None
    assert found.read_mask(8) is None


def test_a_defect_without_a_mask_says_nothing_of_pixels(tmp_path: Path) -> None:
    image(tmp_path / "good" / "a.png")
    image(tmp_path / "bad" / "b.png")
    assert find_labelled(tmp_path)[0].read_mask(8) is None


@pytest.mark.parametrize(
    ("good", "bad"), [("Good", "scratch"), ("OK", "NG"), ("ok", "ko"), ("Normal", "Anomaly")]
)
def test_the_same_names_as_in_an_evaluation_in_any_case(
    tmp_path: Path, good: str, bad: str
) -> None:
    image(tmp_path / good / "a.png")
    image(tmp_path / bad / "b.png")
    image(tmp_path / "Ground_Truth" / bad / "b_mask.png", white=True)
    found = {each.name: each for each in find_labelled(tmp_path)}
    assert {name: each.defective for name, each in found.items()} == {
        f"{good}/a.png": False,
        f"{bad}/b.png": True,
    }
    assert found[f"{bad}/b.png"].mask == tmp_path / "Ground_Truth" / bad / "b_mask.png"


def test_defects_alone_are_defective_and_the_rest_is_unknown(tmp_path: Path) -> None:
    image(tmp_path / "ng" / "a.png")
    image(tmp_path / "other" / "b.png")
    image(tmp_path / "masks" / "a.png", white=True)
    bad, other = find_labelled(tmp_path)
    assert (bad.defective, other.defective) == (True, None)
    assert bad.mask == tmp_path / "masks" / "a.png"


def test_a_variant_called_normal_is_no_label(tmp_path: Path) -> None:
    image(tmp_path / "normal" / "test" / "good" / "a.png")
    image(tmp_path / "normal" / "test" / "scratch" / "b.png")
    assert [each.defective for each in find_labelled(tmp_path)] == [False, True]


def test_masks_are_read_as_an_evaluation_does(tmp_path: Path) -> None:
    for name in ("good/a.png", "bad/b.png", "bad/c.png", "bad/d.png"):
        image(tmp_path / name)
    values = np.zeros((16, 16), dtype=np.uint16)
    masks = tmp_path / "masks" / "bad"
    masks.mkdir(parents=True)
    Image.fromarray(values).save(masks / "b.png")
    values[2:9, 3] = 1
    Image.fromarray(values).save(masks / "c.png")
    Image.fromarray(values[:8]).save(masks / "d.png")
    empty, numbers, other_size, _ = (each.check_mask(16) for each in find_labelled(tmp_path))
    assert (empty.marked, empty.findings) == (None, ("empty",))
    assert numbers.marked is not None
    assert np.array_equal(numbers.marked, values > 0)
    assert other_size.fault is not None
    assert other_size.fault.startswith("mask: the mask is 16 x 8 pixels and its image 16 x 16")


def test_without_labels_an_empty_mask_says_that_an_image_is_good(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    image(tmp_path / "masks" / "a.png")
    [found] = find_labelled(tmp_path)
    marked = found.read_mask(8)
    assert marked is not None
    assert not marked.any()
    assert found.check_mask(8).findings == ()


@pytest.mark.parametrize(
    ("image_name", "mask_name"),
    [
        ("screw/ng/a.png", "screw/masks/a.png"),
        ("test/bad/c.png", "test/masks/bad/c.png"),
        ("bottle/test/x/b.png", "bottle/ground_truth/x/b.png"),
        ("screw/ng/a.png", "screw/ng/masks/a_MASK.PNG"),
    ],
)
def test_masks_below_are_found_and_are_no_images(
    tmp_path: Path, image_name: str, mask_name: str
) -> None:
    image(tmp_path / "bottle/test/good/a.png")
    image(tmp_path / "bottle/ground_truth/good/a.png")
    image(tmp_path / image_name)
    image(tmp_path / mask_name, white=True)
    found = {each.name: (each.defective, each.mask) for each in find_labelled(tmp_path)}
    assert found == {
        "bottle/test/good/a.png": (False, None),
        image_name: (True, tmp_path / mask_name),
    }


def test_masks_of_one_class_are_not_those_of_another(tmp_path: Path) -> None:
    for name in ("a/good/1.png", "a/bad/1.png", "b/bad/1.png", "b/masks/bad/1.png"):
        image(tmp_path / name)
    masks = {each.name: each.mask for each in find_labelled(tmp_path)}
    assert masks["a/bad/1.png"] is None
    assert masks["b/bad/1.png"] == tmp_path / "b/masks/bad/1.png"


def test_masks_only(tmp_path: Path) -> None:
    image(tmp_path / "screw/masks/a.png")
    with pytest.raises(InputError, match="all 1 images are in folders of masks"):
        find_labelled(tmp_path)


def test_defects_in_folders_called_good_and_german_labels(tmp_path: Path) -> None:
    for name in ("io/a.png", "n.i.O./b.png", "defect/ok/c.png"):
        image(tmp_path / name)
    assert {each.name: each.defective for each in find_labelled(tmp_path)} == {
        "io/a.png": False,
        "n.i.O./b.png": True,
        "defect/ok/c.png": True,
    }


def test_the_layouts_of_an_evaluation_are_known(tmp_path: Path) -> None:
    image(tmp_path / "3d/bagel/test/hole/rgb/0.png")
    image(tmp_path / "3d/bagel/test/hole/gt/0.png", white=True)
    [found] = find_labelled(tmp_path / "3d")
    assert (found.name, found.mask) == (
        "bagel/test/hole/rgb/0.png",
        tmp_path / "3d/bagel/test/hole/gt/0.png",
    )
    image(tmp_path / "visa/pcb/a.png")
    (tmp_path / "visa/split_csv").mkdir()
    rows = "object,split,label,image,mask\npcb,test,anomaly,pcb/a.png,pcb/m.png\n"
    (tmp_path / "visa/split_csv/1cls.csv").write_text(rows)
    [found] = find_labelled(tmp_path / "visa")
    assert (found.defective, found.mask) == (True, tmp_path / "visa/pcb/m.png")


def test_masks_in_a_folder_of_their_own(tmp_path: Path) -> None:
    image(tmp_path / "images/a.png")
    image(tmp_path / "elsewhere/a_mask.png", white=True)
    [found] = find_labelled(tmp_path / "images", masks=tmp_path / "elsewhere")
    assert found.mask == tmp_path / "elsewhere/a_mask.png"


def test_most_are_spread_evenly(tmp_path: Path) -> None:
    for number in range(9):
        image(tmp_path / f"{number}.png")
    assert [p.name for p in find_labelled(tmp_path, most=3)] == ["0.png", "4.png", "8.png"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder"):
        find_labelled(tmp_path / "absent")
