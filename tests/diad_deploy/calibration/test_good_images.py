"""Good images and their classes, in the layouts that people have."""

from pathlib import Path

import pytest

from diad_deploy.calibration.good_images import check_counts, find_good_images
from diad_deploy.errors import InputError
from tests.diad_deploy.fake_detector import write_image


def layout(root: Path, *names: str) -> Path:
    for name in names:
        write_image(root / name)
    return root


def test_a_folder_a_class(tmp_path: Path) -> None:
    root = layout(tmp_path / "parts", "gear/1.png", "screw/1.png", "screw/a/2.png", "3.png")
    found = find_good_images(root)
    pairs = {file.name: name for file, name in zip(found.files, found.classes, strict=True)}
    assert pairs == {
        "parts/3.png": None,
        "parts/gear/1.png": "gear",
        "parts/screw/1.png": "screw",
        "parts/screw/a/2.png": "screw",
    }
    assert found.left_out == 0


def test_a_whole_data_set_gives_its_good_images_only(tmp_path: Path) -> None:
    root = layout(
        tmp_path / "mvtec",
        "screw/train/good/000.png",
        "screw/test/good/000.png",
        "screw/test/scratch/000.png",
        "screw/ground_truth/scratch/000_mask.png",
        "gear/good/1.png",
    )
    found = find_good_images(root)
    assert [file.name for file in found.files] == [
        "mvtec/gear/good/1.png",
        "mvtec/screw/test/good/000.png",
        "mvtec/screw/train/good/000.png",
    ]
    assert found.classes == ("gear", "screw", "screw")
    assert found.left_out == 2


@pytest.mark.parametrize(("good", "bad"), [("ok", "ko"), ("OK", "NG"), ("Normal", "scratch")])
def test_good_ones_by_any_name(tmp_path: Path, good: str, bad: str) -> None:
    root = layout(tmp_path / "p", f"screw/test/{good}/1.png", f"screw/test/{bad}/1.png", "2.png")
    found = find_good_images(root)
    assert [file.name for file in found.files] == [f"p/screw/test/{good}/1.png"]
    assert (found.classes, found.left_out) == (("screw",), 2)


def test_defects_are_no_good_images(tmp_path: Path) -> None:
    root = layout(tmp_path / "p", "gear/1.png", "gear/ng/2.png", "ko/3.png", "masks/3.png")
    found = find_good_images(root)
    assert [file.name for file in found.files] == ["p/gear/1.png"]
    assert (found.classes, found.left_out) == (("gear",), 3)
    with pytest.raises(InputError, match="all 2 images are in folders of defects"):
        find_good_images(layout(tmp_path / "q", "NG/1.png", "a/defect/2.png"))


@pytest.mark.parametrize(
    "others",
    [
        ("ground_truth/good/1_mask.png", "test/bad/1.png"),
        ("normal/ground_truth/scratch/b_mask.png",),
        ("defect/ok/c.png", "defect/normal/b.png", "masks/ok/c.png"),
        ("nio/1.png", "N.i.O./2.png", "n.g./3.png", "masks/io/1.png"),
    ],
)
@pytest.mark.parametrize("good", ["good/a.png", "test/good/a.png"])
def test_masks_and_defects_in_folders_called_good(
    tmp_path: Path, good: str, others: tuple[str, ...]
) -> None:
    found = find_good_images(layout(tmp_path / "p", good, *others))
    assert [file.name for file in found.files] == [f"p/{good}"]
    assert (found.classes, found.left_out) == ((None,), len(others))


def test_masks_of_good_parts_make_no_other_image_a_defect(tmp_path: Path) -> None:
    found = find_good_images(layout(tmp_path / "p", "1.png", "ground_truth/good/1_mask.png"))
    assert [file.name for file in found.files] == ["p/1.png"]


@pytest.mark.parametrize("good", ["io", "i.O.", "o.k."])
def test_german_labels(tmp_path: Path, good: str) -> None:
    found = find_good_images(layout(tmp_path / "p", f"gear/{good}/1.png", "gear/nio/1.png"))
    assert [file.name for file in found.files] == [f"p/gear/{good}/1.png"]
    assert found.classes == ("gear",)
    found = find_good_images(layout(tmp_path / "q", f"train/{good}/1.png", "test/scratch/1.png"))
    assert [file.name for file in found.files] == [f"q/train/{good}/1.png"]


def test_a_class_may_be_called_io(tmp_path: Path) -> None:
    root = layout(tmp_path / "p", "io/1.png", "gear/1.png")
    assert find_good_images(root).classes == ("gear", "io")
    root = layout(tmp_path / "q", "train/io/good/1.png", "train/gear/good/1.png")
    assert find_good_images(root).classes == ("gear", "io")


def test_a_class_alone_may_be_called_masks(tmp_path: Path) -> None:
    found = find_good_images(
        layout(tmp_path / "p", "masks/train/good/1.png", "masks/test/bad/1.png")
    )
    assert (len(found.files), found.classes) == (1, ("masks",))


def test_a_class_may_be_called_masks(tmp_path: Path) -> None:
    found = find_good_images(layout(tmp_path / "p", "masks/1.png", "gloves/1.png"))
    assert found.classes == ("gloves", "masks")


def test_a_variant_called_normal_is_no_label(tmp_path: Path) -> None:
    root = layout(tmp_path / "p", "normal/train/good/1.png", "normal/test/scratch/1.png")
    assert [file.name for file in find_good_images(root).files] == ["p/normal/train/good/1.png"]


def test_one_class_alone_has_no_name_but_the_one_given(tmp_path: Path) -> None:
    root = layout(tmp_path / "screw", "train/good/1.png", "train/good/2.png")
    assert find_good_images(root).classes == (None, None)
    assert find_good_images(root / "train" / "good").classes == (None, None)
    assert find_good_images(root, class_name="screw").classes == ("screw", "screw")


def test_nothing_to_find(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.png").write_bytes(b"")
    with pytest.raises(InputError, match="no images found"):
        find_good_images(tmp_path / "empty")
    for name in ("file.png", "none"):
        with pytest.raises(InputError, match="expected a folder of good images"):
            find_good_images(tmp_path / name)


def test_too_few_images_says_how_many_are_needed(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        check_counts(tmp_path, [None] * 40, 0.01, per_class=False)
    message = str(raised.value)
    assert "40 good images, but a false-alarm rate of 0.01 needs at least 99" in message
    assert "--false-alarm-rate 0.0244 or higher" in message
    check_counts(tmp_path, [None] * 99, 0.01, per_class=True)


def test_the_rate_that_the_message_names_works(tmp_path: Path) -> None:
    for count in (1, 2, 7, 18, 40, 98, 150, 998):
        with pytest.raises(InputError) as raised:
            check_counts(tmp_path, [None] * count, 0.001, per_class=False)
        rate = float(str(raised.value).split("--false-alarm-rate ")[1].split()[0])
        check_counts(tmp_path, [None] * count, rate, per_class=False)


def test_classes_with_too_few_are_all_named_and_overall_is_a_way_out(tmp_path: Path) -> None:
    classes = ["screw"] * 99 + ["gear"] * 20 + ["nut"] * 30
    with pytest.raises(InputError, match=r"at least 99 .* each class, found gear 20, nut 30; .*"):
        check_counts(tmp_path, classes, 0.01, per_class=True)
    check_counts(tmp_path, classes, 0.01, per_class=False)


def test_mvtec_3ds_masks_and_point_clouds_are_left_out(tmp_path: Path) -> None:
    names = [f"bagel/train/good/{name}/0.png" for name in ("rgb", "gt", "xyz")]
    found = find_good_images(layout(tmp_path / "p", *names, "bagel/test/hole/rgb/0.png"))
    assert [file.name for file in found.files] == ["p/bagel/train/good/rgb/0.png"]
    assert (found.classes, found.left_out) == (("bagel",), 3)
