"""TIFFs as cameras and programs write them: upright, in their own range, or refused by name."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from diad_deploy.errors import ImageError
from diad_deploy.images.formats.decode import read_samples
from diad_deploy.images.formats.white_level import WhiteLevel
from diad_deploy.images.reader import ImageReader, read_image
from tests.diad_deploy.images.tiff_file import Values, write_tiff

RNG = np.random.default_rng(3)
GREY = RNG.integers(0, 256, (6, 4), dtype=np.uint8)
RGB = RNG.integers(0, 256, (6, 4, 3), dtype=np.uint8)
TYPES = {
    "uint8": GREY,
    "uint16": GREY.astype(np.uint16) * 257,
    "int16": np.rint(GREY / 255 * 32767).astype(np.int16),
    "uint32": (GREY.astype(np.uint64) * (2**32 - 1) // 255).astype(np.uint32),
    "int32": np.rint(GREY / 255 * (2**31 - 1)).astype(np.int32),
    "float32": (GREY / 255).astype(np.float32),
    "float64": GREY / 255,
    "rgb8": RGB,
    "rgb16": RGB.astype(np.uint16) * 257,
    "rgb float32": (RGB / 255).astype(np.float32),
}


def truth(values: Values) -> Values:
    return GREY[..., None].repeat(3, -1) if values.ndim == 2 else RGB


def packed_12_bits(values: Values) -> bytes:
    pairs = values.reshape(-1, 2)
    first, second = pairs[:, 0], pairs[:, 1]
    parts = [first >> 4, (first & 15) << 4 | second >> 8, second & 255]
    return np.stack(parts, 1).astype(np.uint8).tobytes()


def upright(values: Values, orientation: int) -> Values:
    turned = {
        1: values,
        2: values[:, ::-1],
        3: values[::-1, ::-1],
        4: values[::-1],
        5: values.swapaxes(0, 1),
        6: np.rot90(values, -1),
        7: values.swapaxes(0, 1)[::-1, ::-1],
        8: np.rot90(values),
    }
    return turned[orientation]


def readable(path: Path, kind: str, *, by_pillow: bool = False) -> bool:
    """OpenCV before 5 reads no unsigned 32 bits: then such a file is refused, and by name."""
    if kind != "uint32" or by_pillow or int(cv2.__version__.split(".")[0]) >= 5:
        return True
    with pytest.raises(ImageError, match="a TIFF of 1 x 32 bits, unsigned"):
        read_image(path)
    return False


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("kind", TYPES)
def test_every_type_is_read_in_its_own_range_and_upright(
    tmp_path: Path, kind: str, big_endian: bool
) -> None:
    values = TYPES[kind]
    for orientation in range(1, 9):
        path = write_tiff(
            tmp_path / "a.tif", values, orientation=orientation, big_endian=big_endian
        )
        if readable(path, kind, by_pillow=not big_endian):
            np.testing.assert_array_equal(read_image(path), upright(truth(values), orientation))


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("kind", [name for name in TYPES if not name.startswith("rgb")])
def test_where_zero_is_white_the_image_is_inverted(
    tmp_path: Path, kind: str, big_endian: bool
) -> None:
    values = TYPES[kind]
    white = {"f": 1.0}.get(values.dtype.kind) or np.iinfo(values.dtype).max
    inverted = (white - values.astype(np.float64)).astype(values.dtype)
    path = write_tiff(tmp_path / "a.tif", inverted, photometric=0, big_endian=big_endian)
    if readable(path, kind):
        np.testing.assert_allclose(read_image(path), truth(values), atol=1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_packed_12_bits_have_the_range_of_12_bits(tmp_path: Path, orientation: int) -> None:
    values = np.rint(GREY / 255 * 4095).astype(np.uint16)
    path = write_tiff(
        tmp_path / "a.tif",
        values,
        bits=12,
        packed=packed_12_bits(values),
        orientation=orientation,
    )
    np.testing.assert_array_equal(read_image(path), upright(truth(GREY), orientation))


@pytest.mark.parametrize(
    ("values", "more", "named"),
    [
        (TYPES["rgb16"], {"planar": True}, "3 x 16 bits, unsigned, .*separate planes"),
        (TYPES["rgb float32"], {"planar": True}, "3 x 32 bits, floating point, .*separate planes"),
        ((GREY >> 1).astype(np.int8), {}, "1 x 8 bits, signed"),
        (TYPES["float32"].astype(np.float16), {}, "1 x 16 bits, floating point"),
        (TYPES["rgb16"], {"photometric": 8}, "PhotometricInterpretation 8"),
    ],
)
def test_what_cannot_be_decoded_rightly_is_refused_by_name(
    tmp_path: Path, values: Values, more: dict[str, Any], named: str
) -> None:
    path = write_tiff(tmp_path / "a.tif", values, **more)
    with pytest.raises(ImageError, match=named) as raised:
        read_image(path)
    assert raised.value.reason.endswith("save it as PNG")


def test_what_is_refused_leaves_no_line_of_a_library(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_tiff(tmp_path / "a.tif", TYPES["float32"].astype(np.float16))
    with pytest.raises(ImageError):
        read_image(path)
    assert capfd.readouterr() == ("", "")


def test_planes_of_8_bits_are_read(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", RGB, planar=True)
    np.testing.assert_array_equal(read_image(path), RGB)


@pytest.mark.parametrize(
    ("values", "white", "tag"),
    [
        (np.rint(GREY / 255 * 4095).astype(np.uint16), 4095, 281),
        (np.rint(RGB / 255 * 1023).astype(np.uint16), 1023, 281),
        (GREY.astype(np.int32), 255, 281),
        (GREY.astype(np.float32), 255, 281),
        (GREY.astype(np.float32), 255.0, 341),
    ],
)
def test_the_largest_sample_value_of_a_bit_depth_is_white(
    tmp_path: Path, values: Values, white: float, tag: int
) -> None:
    more = {tag: (11 if isinstance(white, float) else 3, [white])}
    path = write_tiff(tmp_path / "a.tif", values, more=more)
    np.testing.assert_array_equal(read_image(path), truth(values))
    with pytest.raises(ImageError, match=r"MaxSampleValue states .* uses --bit-depth 14"):
        ImageReader(WhiteLevel(bit_depth=14)).read(path)


def test_a_largest_sample_value_that_is_a_statistic_is_not_white(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", TYPES["uint16"] // 2, more={281: (3, [30000])})
    np.testing.assert_allclose(read_image(path), truth(GREY) / 2, atol=1)


def test_a_value_above_the_stated_one_is_a_contradiction(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", TYPES["uint16"], more={281: (3, [4095])})
    with pytest.raises(ImageError, match="contains the value 63736, but the TIFF's MaxSampleValue"):
        read_image(path)


def test_a_depth_that_the_samples_cannot_hold_is_refused(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", TYPES["int16"])
    with pytest.raises(ImageError, match="its samples are at most 32767, but with --bit-depth 16"):
        ImageReader(WhiteLevel(bit_depth=16)).read(path)


def test_ignored_pages_are_noted(tmp_path: Path) -> None:
    small, large = Image.new("L", (4, 4), 7), Image.new("L", (20, 10), 9)
    small.save(tmp_path / "a.tif", save_all=True, append_images=[small, large])
    read = ImageReader().read(tmp_path / "a.tif")
    assert read.note == "the first of 3 pages was read; page 3 is larger (20 x 10)"
    assert read.pixels.shape == (4, 4, 3)
    large.save(tmp_path / "b.tif", save_all=True, append_images=[small])
    assert ImageReader().read(tmp_path / "b.tif").note == "the first of 2 pages was read"
    large.save(tmp_path / "c.tif")
    assert ImageReader().read(tmp_path / "c.tif").note is None


def test_raw_values_stay_as_they_are_stored(tmp_path: Path) -> None:
    for name in ("uint16", "int16", "int32", "float32", "rgb16"):
        path = write_tiff(tmp_path / "a.tif", TYPES[name])
        samples = read_samples(path)
        np.testing.assert_array_equal(samples.values, TYPES[name])
        assert samples.is_wide


def test_the_size_of_a_kind_that_opencv_decodes_is_limited(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", TYPES["float64"])
    with pytest.raises(ImageError, match="4 x 6 pixels: too large"):
        read_image(path, limit_px=23)


def test_damage_in_a_kind_that_opencv_decodes_is_a_reason(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_tiff(tmp_path / "a.tif", np.tile(TYPES["float64"], (20, 20)))
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(ImageError, match=r"is not supported|damaged"):
        read_image(path)
    capfd.readouterr()
