"""Masks are read as labelling tools write them, and resized as the published loaders do."""

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from diad_deploy.errors import ImageError
from diad_deploy.labelled.masks import Mask, read_mask


def save(path: Path, values: np.ndarray) -> Path:
    Image.fromarray(values.astype(np.uint8)).save(path)
    return path


def save16(path: Path, values: np.ndarray) -> Path:
    Image.fromarray(values.astype(np.uint16)).save(path)
    return path


def test_the_published_steps_give_the_same(tmp_path: Path) -> None:
    """`Image.fromarray(grey, "L")`, torchvision's resize, `ToTensor`, `masks > 0`."""
    transforms = pytest.importorskip("torchvision.transforms")
    rng = np.random.default_rng(0)
    grey = np.zeros((90, 70), dtype=np.uint8)
    for y, x, height, width in rng.integers(1, 30, (6, 4)):
        grey[y * 2 : y * 2 + height, x * 2 : x * 2 + width] = 255
    for size_px in (32, 70, 128):
        resize = transforms.Resize((size_px, size_px))
        published = transforms.ToTensor()(resize(Image.fromarray(grey)))
        mask = read_mask(save(tmp_path / "m.png", grey), image_size_px=(90, 70))
        found = mask.resized(size_px)
        assert np.array_equal(found, published[0].numpy() > 0)
        assert 0 < found.mean() < 1


def truth() -> np.ndarray:
    """A ring and a bar, 5 % of 64 x 96."""
    y, x = np.mgrid[:64, :96]
    distance = np.hypot(y - 20, x - 30)
    marked = (distance < 9) & (distance > 4)
    marked[40:43, 50:90] = True
    return marked


TRUTH = truth()
SIZE = TRUTH.shape


def read(image: Image.Image, path: Path, **options: Any) -> Mask:
    image.save(path, **options)
    return read_mask(path, image_size_px=SIZE)


@pytest.mark.parametrize("top", [1, 2, 128])
def test_whatever_is_not_black_is_defective(tmp_path: Path, top: int) -> None:
    found = read_mask(save(tmp_path / "m.png", TRUTH * top), image_size_px=SIZE)
    assert np.array_equal(found.marked, TRUTH)
    assert not found.lossy


def transparent_palette() -> Image.Image:
    image = Image.fromarray(TRUTH.astype(np.uint8), "P")
    image.putpalette([255, 255, 255, 255, 0, 0])
    return image


def on_transparent(*paint: int) -> np.ndarray:
    ground = [255] * (len(paint) - 1) + [0]
    return np.where(TRUTH[..., None], paint, ground).astype(np.uint8)


PAINTED = {
    "red on white that is transparent": (on_transparent(255, 0, 0, 255), {}),
    "half-transparent paint": (on_transparent(0, 9, 0, 40), {}),
    "grey with alpha": (on_transparent(1, 255), {}),
}


@pytest.mark.parametrize("name", PAINTED)
def test_what_is_transparent_is_not_marked(tmp_path: Path, name: str) -> None:
    values, options = PAINTED[name]
    for suffix in ("png", "tif"):
        found = read(Image.fromarray(values), tmp_path / f"m.{suffix}", **options)
        assert np.array_equal(found.marked, TRUTH)


def test_a_transparent_entry_of_a_palette_is_not_marked(tmp_path: Path) -> None:
    for suffix in ("png", "gif"):
        found = read(transparent_palette(), tmp_path / f"m.{suffix}", transparency=0)
        assert np.array_equal(found.marked, TRUTH)


def test_a_transparent_colour_is_not_marked(tmp_path: Path) -> None:
    colours = np.where(TRUTH[..., None], (9, 9, 200), (255, 255, 255)).astype(np.uint8)
    image = Image.fromarray(colours)
    found = read(image, tmp_path / "m.png", transparency=(255, 255, 255))
    assert np.array_equal(found.marked, TRUTH)


def test_an_empty_layer_marks_nothing(tmp_path: Path) -> None:
    found = read(Image.new("RGBA", SIZE[::-1]), tmp_path / "m.png")
    assert not found.marked.any()


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("number", [1, 3, 255, 256, 40000])
def test_numbers_of_instances(tmp_path: Path, kind: type, number: int) -> None:
    path = tmp_path / ("m.png" if kind is np.uint16 else "m.tif")
    found = read(Image.fromarray((TRUTH * number).astype(kind)), path)
    assert np.array_equal(found.marked, TRUTH)


def test_numbers_of_instances_in_colours_of_sixteen_bits(tmp_path: Path) -> None:
    colours = np.zeros((*SIZE, 3), dtype=np.uint16)
    colours[TRUTH, 1] = 7
    path = tmp_path / "m.png"
    cv2.imwrite(str(path), colours)
    assert np.array_equal(read_mask(path, image_size_px=SIZE).marked, TRUTH)
    # with alpha only the upper bytes can be read, and these hold no number under 256
    colours[0, 0] = 300
    cv2.imwrite(str(path), np.dstack([colours, np.full(SIZE, 65535, np.uint16)]))
    with pytest.raises(ImageError, match=r"16 bits with colour .* only the upper 8"):
        read_mask(path, image_size_px=SIZE)


def test_no_number_is_no_mark(tmp_path: Path) -> None:
    values = np.where(TRUTH, np.float32(0.25), np.float32(np.nan))
    values[0, 0] = 0
    found = read(Image.fromarray(values), tmp_path / "m.tif")
    assert np.array_equal(found.marked, TRUTH)


def test_one_bit_and_zero_as_white(tmp_path: Path) -> None:
    for suffix in ("png", "tif", "bmp", "pbm"):
        found = read(Image.fromarray(TRUTH), tmp_path / f"m.{suffix}")
        assert np.array_equal(found.marked, TRUTH)
    path = tmp_path / "m.tif"
    # Pillow turns 8 bits round as it writes them
    assert np.array_equal(read(Image.fromarray(TRUTH), path, tiffinfo={262: 0}).marked, TRUTH)
    content = bytearray(save16(path, np.where(TRUTH, 0, 65535)).read_bytes())
    tag = content.index(struct.pack("<HHI", 262, 3, 1))
    content[tag + 8 : tag + 10] = b"\0\0"
    path.write_bytes(content)
    assert np.array_equal(read_mask(path, image_size_px=SIZE).marked, TRUTH)


LOSSY: dict[str, dict[str, Any]] = {
    "jpg": {"quality": 80},
    "webp": {"quality": 80},
    "avif": {"quality": 70},
    "tif": {"compression": "jpeg"},
    "jp2": {"irreversible": True, "quality_mode": "dB", "quality_layers": [38]},
}


@pytest.mark.parametrize("suffix", LOSSY)
def test_what_is_stored_with_loss_is_cut_at_half(tmp_path: Path, suffix: str) -> None:
    grey = Image.fromarray(TRUTH.astype(np.uint8) * 255)
    found = read(grey.convert("RGB"), tmp_path / f"m.{suffix}", **LOSSY[suffix])
    assert found.lossy
    assert np.count_nonzero(found.marked != TRUTH) < 0.03 * np.count_nonzero(TRUTH)


@pytest.mark.parametrize("ratio", [20, 60])
def test_a_jpeg_2000_cut_short_to_a_size_is_stored_with_loss(tmp_path: Path, ratio: int) -> None:
    options = {"quality_mode": "rates", "quality_layers": [ratio]}
    found = read(Image.fromarray(TRUTH.astype(np.uint8) * 255), tmp_path / "m.jp2", **options)
    assert found.lossy
    assert found.marked.sum() < 1.2 * TRUTH.sum()


def test_paint_in_a_jpeg_2000_without_loss(tmp_path: Path) -> None:
    for value in (1, 255):
        found = read(Image.fromarray(TRUTH.astype(np.uint8) * value), tmp_path / "m.jp2")
        assert (found.lossy, found.marked.tolist()) == (False, TRUTH.tolist())
    found = read(Image.fromarray(on_transparent(9, 9, 200, 255)), tmp_path / "m.jp2")
    assert (found.lossy, found.marked.tolist()) == (False, TRUTH.tolist())


@pytest.mark.parametrize("suffix", ["tif", "gif", "webp"])
def test_several_pages_are_refused(tmp_path: Path, suffix: str) -> None:
    first, second = (
        Image.fromarray((half * 255).astype(np.uint8))
        for half in (TRUTH & (np.arange(64)[:, None] < 30), TRUTH)
    )
    with pytest.raises(ImageError, match=r"the mask has several pages .*; save it as one page"):
        read(first, tmp_path / f"m.{suffix}", save_all=True, append_images=[second])


@pytest.mark.parametrize("suffix", ["webp", "jp2", "j2k", "tif", "gif"])
def test_without_loss_any_value_counts(tmp_path: Path, suffix: str) -> None:
    options = {"webp": {"lossless": True}, "tif": {"compression": "tiff_lzw"}}.get(suffix, {})
    image = Image.fromarray(TRUTH.astype(np.uint8) * 3)
    found = read(image.convert("RGB"), tmp_path / f"m.{suffix}", **options)
    assert not found.lossy
    assert np.array_equal(found.marked, TRUTH)


def test_a_webp_without_loss_but_with_alpha_and_metadata(tmp_path: Path) -> None:
    image = Image.fromarray(on_transparent(2, 0, 0, 255))
    exif = Image.Exif()
    exif[0x010E] = "a mask"
    found = read(image, tmp_path / "m.webp", lossless=True, exif=exif, icc_profile=b"odd")
    assert not found.lossy
    assert np.array_equal(found.marked, TRUTH)


def test_at_its_own_size_nothing_changes(tmp_path: Path) -> None:
    marked = np.random.default_rng(1).random((24, 24)) < 0.3
    found = read_mask(save(tmp_path / "m.png", marked * 255), image_size_px=(24, 24))
    assert np.array_equal(found.resized(24), marked)


def test_another_size_than_its_images(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", np.zeros((20, 30)))
    with pytest.raises(ImageError, match="the mask is 30 x 20 pixels and its image 20 x 30"):
        read_mask(path, image_size_px=(30, 20))
    assert not read_mask(path, image_size_px=None).marked.any()


def test_a_file_that_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "m.png").write_bytes(b"nothing")
    with pytest.raises(ImageError, match="not an image"):
        read_mask(tmp_path / "m.png", image_size_px=(30, 20))
