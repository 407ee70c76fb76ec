"""What a folder's layout says of its pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diad_deploy.errors import InputError
from diad_export.labelled_pictures import find_labelled


def picture(path: Path, *, white: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    value = 255 if white else 0
    array = np.zeros((16, 16, 3), dtype=np.uint8)
    array[:8] = value
    Image.fromarray(array).save(path)


def test_mvtecs_layout(tmp_path: Path) -> None:
    picture(tmp_path / "test" / "good" / "000.png")
    picture(tmp_path / "test" / "crack" / "000.png")
    picture(tmp_path / "ground_truth" / "crack" / "000_mask.png", white=True)
    bad, good = find_labelled(tmp_path / "test")
    assert (bad.name, bad.defective, good.defective) == ("crack/000.png", True, False)
    marked, clear = bad.read_mask(8), good.read_mask(8)
    assert marked is not None
    assert marked[:4].all()
    assert not marked[4:].any()
    assert clear is not None
    assert not clear.any()


def test_a_plain_folder_with_masks(tmp_path: Path) -> None:
    picture(tmp_path / "good" / "a.png")
    picture(tmp_path / "defect" / "b.png")
    picture(tmp_path / "masks" / "defect" / "b.png", white=True)
    found = find_labelled(tmp_path)
    assert [p.name for p in found] == ["defect/b.png", "good/a.png"]
    assert found[0].mask == tmp_path / "masks" / "defect" / "b.png"


def test_pictures_without_labels(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    [found] = find_labelled(tmp_path)
    assert found.defective is None
    assert found.read_mask(8) is None


def test_a_defect_without_a_mask_says_nothing_of_pixels(tmp_path: Path) -> None:
    picture(tmp_path / "good" / "a.png")
    picture(tmp_path / "bad" / "b.png")
    assert find_labelled(tmp_path)[0].read_mask(8) is None


def test_most_are_spread_evenly(tmp_path: Path) -> None:
    for number in range(9):
        picture(tmp_path / f"{number}.png")
    assert [p.name for p in find_labelled(tmp_path, most=3)] == ["0.png", "4.png", "8.png"]


def test_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder"):
        find_labelled(tmp_path / "absent")
