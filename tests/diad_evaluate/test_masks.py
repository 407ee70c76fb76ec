"""Masks are read as the published loaders and evaluation do."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diad_deploy.errors import PictureError
from diad_evaluate.masks import read_mask


def save(path: Path, values: np.ndarray) -> Path:
    Image.fromarray(values.astype(np.uint8)).save(path)
    return path


def test_the_published_steps_give_the_same(tmp_path: Path) -> None:
    """`Image.fromarray(grey, "L")`, torchvision's resize, `ToTensor`, `masks > 0`."""
    from torchvision import transforms

    rng = np.random.default_rng(0)
    grey = np.zeros((90, 70), dtype=np.uint8)
    for y, x, height, width in rng.integers(1, 30, (6, 4)):
        grey[y * 2 : y * 2 + height, x * 2 : x * 2 + width] = 255
    for size_px in (32, 70, 128):
        resize = transforms.Resize((size_px, size_px))
        published = transforms.ToTensor()(resize(Image.fromarray(grey)))
        found = read_mask(save(tmp_path / "m.png", grey), size_px, picture_size_px=(90, 70))
        assert np.array_equal(found, published[0].numpy() > 0)
        assert 0 < found.mean() < 1


def test_whatever_is_not_black_is_defective(tmp_path: Path) -> None:
    marked = np.zeros((20, 30))
    marked[5:9, 3:20] = 1
    wanted = read_mask(save(tmp_path / "255.png", marked * 255), 16, picture_size_px=(20, 30))
    for top in (1, 2, 128):
        found = read_mask(save(tmp_path / f"{top}.png", marked * top), 16, picture_size_px=(20, 30))
        assert np.array_equal(found, wanted)


def test_at_its_own_size_nothing_changes(tmp_path: Path) -> None:
    marked = np.random.default_rng(1).random((24, 24)) < 0.3
    found = read_mask(save(tmp_path / "m.png", marked * 255), 24, picture_size_px=(24, 24))
    assert np.array_equal(found, marked)


def test_another_size_than_its_pictures(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", np.zeros((20, 30)))
    with pytest.raises(PictureError, match="the mask is 30 x 20 pixels and its picture 20 x 30"):
        read_mask(path, 16, picture_size_px=(30, 20))


def test_a_file_that_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "m.png").write_bytes(b"nothing")
    with pytest.raises(PictureError, match="not a picture"):
        read_mask(tmp_path / "m.png", 16, picture_size_px=(30, 20))
