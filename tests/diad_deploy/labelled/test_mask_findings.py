"""Masks of a test set are checked, counted and reported."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diad_deploy.errors import InputError
from diad_deploy.labelled.mask_findings import MaskCounts, MaskTally, check_mask, check_masks

SIZE = (40, 60)


def write(path: Path, marked_rows: int, **options: object) -> Path:
    values = np.zeros(SIZE, dtype=np.uint8)
    values[:marked_rows] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("rows", "findings"),
    [(0, ("empty",)), (1, ()), (20, ()), (21, ("most",)), (39, ("most",)), (40, ("full",))],
)
def test_how_much_is_marked(tmp_path: Path, rows: int, findings: tuple[str, ...]) -> None:
    checked = check_mask(write(tmp_path / "m.png", rows), 32, image_size_px=SIZE)
    assert checked.findings == findings
    assert (checked.marked is None) == (findings in (("empty",), ("full",)))


def test_a_mark_that_is_lost_at_the_models_size_is_none(tmp_path: Path) -> None:
    values = np.zeros((2000, 2000), dtype=np.uint8)
    values[1000, 1000] = 255
    Image.fromarray(values).save(tmp_path / "m.png")
    assert check_mask(tmp_path / "m.png", 32, image_size_px=None).findings == ("empty",)


def test_no_mask_and_one_that_cannot_be_used(tmp_path: Path) -> None:
    assert check_mask(None, 32, image_size_px=SIZE).findings == ("missing",)
    checked = check_mask(write(tmp_path / "m.png", 3), 32, image_size_px=(1, 2))
    assert (checked.marked, checked.findings) == (None, ("failed",))
    assert (checked.fault or "").startswith("mask: the mask is 60 x 40 pixels")


def test_notes_about_masks() -> None:
    tally = MaskTally()
    assert list(tally.notes(4)) == []
    for place in range(4):
        tally.add(f"{place}.png", ["missing"])
    assert list(tally.notes(4)) == ["no masks: image metrics only"]
    findings = ("failed", "empty", "full", "most", "lossy")
    for count, finding in enumerate(findings, 5):
        for place in range(count):
            tally.add(f"{place}.png", [finding])  # type: ignore[list-item]
    notes = list(tally.notes(40))
    assert [note.split(";")[0] for note in notes] == [
        "without a mask: 4 of 40 defective images",
        "masks that cannot be used: 5 of 40",
        "masks that mark nothing: 6 of 40 (0.png, 1.png, 2.png, 3.png, 4.png, and 1 more)",
        "masks that mark the whole image: 7 of 40 (0.png, 1.png, 2.png, 3.png, 4.png, and 2 more)",
        "masks that mark most of their image: 8 of 40 (0.png, 1.png, 2.png, 3.png, 4.png, and 3 "
        "more)",
        "masks with lossy compression such as JPEG: 9 of 40",
    ]
    assert tally.counts == MaskCounts(missing=4, failed=5, empty=6, full=7, most=8, lossy=9)
    assert tally.counts.image_only == 22


def test_strict_names_all_that_is_wrong_at_once(tmp_path: Path) -> None:
    image = write(tmp_path / "picture.png", 9)
    masks = {
        "right": write(tmp_path / "right.png", 9),
        "large": write(tmp_path / "large.png", 30),
        "none": None,
        "no file": tmp_path / "absent.png",
        "empty": write(tmp_path / "empty.png", 0),
        "full": write(tmp_path / "full.png", 40),
        "lossy": write(tmp_path / "lossy.jpg", 9),
    }
    Image.new("L", (9, 9), 1).save(tmp_path / "other.png")
    masks["other size"] = tmp_path / "other.png"
    with pytest.raises(InputError) as raised:
        check_masks([(name, image, mask) for name, mask in masks.items()], 32)
    assert (
        "found no mask: 1 (none); cannot be used: 2 (no file, other size); marks nothing: 1 "
        "(empty); marks the whole image: 1 (full); stored with loss: 1 (lossy); correct them"
    ) in str(raised.value)
    check_masks([(name, image, masks[name]) for name in ("right", "large")], 32)


def test_strict_leaves_images_that_cannot_be_read_to_the_run(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"nothing")
    check_masks([("a", tmp_path / "a.png", write(tmp_path / "m.png", 9))], 32)
