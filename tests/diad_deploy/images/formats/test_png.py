"""PNGs: significant bits, damage that the decoder passes over, and large metadata."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diad_deploy.errors import ImageError
from diad_deploy.images.formats.decode import read_samples
from diad_deploy.images.formats.white_level import WhiteLevel
from diad_deploy.images.reader import ImageReader, read_image
from tests.diad_deploy.images.png_file import SIGNATURE, chunk, write_png

RNG = np.random.default_rng(4)
GREY = RNG.integers(0, 256, (9, 7), dtype=np.uint8)
RGB = RNG.integers(0, 256, (9, 7, 3), dtype=np.uint8)
GREY_12 = np.rint(GREY / 255 * 4095).astype(np.uint16)
RGB_12 = np.rint(RGB / 255 * 4095).astype(np.uint16)
TWELVE = WhiteLevel(bit_depth=12)


def grey(values: np.ndarray) -> np.ndarray:
    return values[..., None].repeat(3, -1)


def test_12_bits_in_16_need_the_depth(tmp_path: Path) -> None:
    for values, truth in ((GREY_12, grey(GREY)), (RGB_12, RGB)):
        path = write_png(tmp_path / "a.png", values)
        np.testing.assert_array_equal(ImageReader(TWELVE).read(path).pixels, truth)
        assert read_image(path).max() <= 16


def test_orientation_and_depth_go_together(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = write_png(tmp_path / "a.png", RGB_12, [(b"eXIf", exif.tobytes()[6:])])
    np.testing.assert_array_equal(ImageReader(TWELVE).read(path).pixels, np.rot90(RGB, -1))


def test_colours_of_16_bits_keep_their_high_bytes(tmp_path: Path) -> None:
    values = RNG.integers(0, 65536, (9, 7, 3), dtype=np.uint16)
    path = write_png(tmp_path / "a.png", values)
    for level in (WhiteLevel(), WhiteLevel(bit_depth=16)):
        np.testing.assert_array_equal(ImageReader(level).read(path).pixels, values >> 8)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_significant_bits_of_scaled_samples_change_nothing(tmp_path: Path, bits: int) -> None:
    """The standard has them scaled to all 16 bits: by zeros, by repeating, or by rounding."""
    small = RNG.integers(0, 2**bits, (9, 7)).astype(np.int64)
    for dark in (small, small >> 5):
        for values in (
            dark << (16 - bits),
            dark << (16 - bits) | dark >> (2 * bits - 16),
            np.rint(dark * 65535 / (2**bits - 1)).astype(np.int64),
        ):
            sbit = [(b"sBIT", bytes([bits]))]
            path = write_png(tmp_path / "a.png", values.astype(np.uint16), sbit)
            expected = grey(np.rint(values / 257).astype(np.uint8))
            for level in (WhiteLevel(), WhiteLevel(bit_depth=bits)):
                np.testing.assert_array_equal(ImageReader(level).read(path).pixels, expected)


def test_significant_bits_of_samples_left_at_the_bottom_are_their_range(tmp_path: Path) -> None:
    path = write_png(tmp_path / "a.png", GREY_12, [(b"sBIT", b"\x0c")])
    np.testing.assert_array_equal(read_image(path), grey(GREY))
    path = write_png(tmp_path / "a.png", RGB_12, [(b"sBIT", b"\x0c\x0c\x0c")])
    np.testing.assert_array_equal(read_image(path), RGB)


def test_a_depth_that_contradicts_the_significant_bits_is_refused(tmp_path: Path) -> None:
    path = write_png(tmp_path / "a.png", GREY_12, [(b"sBIT", b"\x0c")])
    with pytest.raises(ImageError, match="sBIT states --bit-depth 12, but the run uses --bit-d"):
        ImageReader(WhiteLevel(bit_depth=10)).read(path)


def test_a_value_above_the_depth_is_refused_and_clipped_with_a_white(tmp_path: Path) -> None:
    path = write_png(tmp_path / "a.png", GREY_12)
    with pytest.raises(ImageError, match="--bit-depth 10 allows at most 1023; use the camera's"):
        ImageReader(WhiteLevel(bit_depth=10)).read(path)
    clipped = ImageReader(WhiteLevel(white=1023)).read(path).pixels
    np.testing.assert_array_equal(clipped[GREY_12 >= 1023], 255)


def test_8_bits_are_what_they_are_whatever_the_depth(tmp_path: Path) -> None:
    path = write_png(tmp_path / "a.png", RGB, [(b"sBIT", b"\x05\x06\x05")])
    np.testing.assert_array_equal(ImageReader(TWELVE).read(path).pixels, RGB)


@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_beside_16_bits_goes_with_the_whole_range_only(tmp_path: Path, channels: int) -> None:
    values = RNG.integers(0, 65536, (9, 7, channels)).astype(np.uint16)
    values[..., -1] = 65535
    path = write_png(tmp_path / "a.png", values)
    expected = values[..., :-1] >> 8
    np.testing.assert_array_equal(read_image(path), np.broadcast_to(expected, (9, 7, 3)))
    with pytest.raises(ImageError, match="PNG colours of more than 8 bits"):
        ImageReader(TWELVE).read(path)
    path = write_png(tmp_path / "a.png", values, [(b"sBIT", bytes([12] * channels))])
    np.testing.assert_array_equal(read_image(path), np.broadcast_to(expected, (9, 7, 3)))


@pytest.mark.parametrize("channels", [2, 4])
def test_significant_bits_at_the_bottom_beside_transparency_are_refused(
    tmp_path: Path, channels: int
) -> None:
    values = np.full((9, 7, channels), 3000, np.uint16)
    path = write_png(tmp_path / "a.png", values, [(b"sBIT", bytes([12] * channels))])
    with pytest.raises(ImageError, match="its 12 bits are the lower ones of 16"):
        ImageReader(TWELVE).read(path)


@pytest.mark.parametrize("channels", [2, 4])
def test_what_is_fully_transparent_shows_nothing(tmp_path: Path, channels: int) -> None:
    values = RNG.integers(0, 256, (9, 7, channels), dtype=np.uint8)
    values[..., -1] = 0
    for typed in (values, values.astype(np.uint16)):
        with pytest.raises(ImageError, match="fully transparent"):
            read_image(write_png(tmp_path / "a.png", typed))
    values[0, 0, -1] = 1
    assert read_image(write_png(tmp_path / "a.png", values)).shape == (9, 7, 3)


def test_a_transparent_palette_and_a_transparent_grey_everywhere(tmp_path: Path) -> None:
    Image.new("P", (4, 4), 0).save(tmp_path / "p.png", transparency=0)
    Image.fromarray(np.full((4, 4), 3000, np.uint16)).save(tmp_path / "g.png", transparency=3000)
    for name in ("p.png", "g.png"):
        with pytest.raises(ImageError, match="fully transparent"):
            read_image(tmp_path / name)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_transparent_grey_of_few_bits(tmp_path: Path, bits: int) -> None:
    most = 2**bits - 1
    rows = bytes([0, most << (8 - bits), 0, 0])  # two rows of two pixels: white and black, black
    header = struct.pack(">IIBBBBB", 2, 2, bits, 0, 0, 0, 0)
    for transparent, alpha in ((0, [[255, 0], [0, 0]]), (most, [[0, 255], [255, 255]])):
        (tmp_path / "a.png").write_bytes(
            SIGNATURE
            + chunk(b"IHDR", header)
            + chunk(b"tRNS", struct.pack(">H", transparent))
            + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b"")
        )
        found = read_samples(tmp_path / "a.png").alpha
        assert found is not None
        assert found.tolist() == alpha


def test_a_transparent_colour_of_16_bits_is_refused(tmp_path: Path) -> None:
    path = write_png(tmp_path / "a.png", RGB_12, [(b"tRNS", bytes(6))])
    with pytest.raises(ImageError, match="16-bit RGB with a transparent colour"):
        read_image(path)


def test_the_unused_fourth_byte_of_a_bmp_is_no_alpha(tmp_path: Path) -> None:
    """Bit fields with a mask for alpha, and zero in all of it."""
    pixels = np.dstack([RGB[..., ::-1], np.zeros((9, 7), np.uint8)])[::-1].tobytes()
    fields = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    info = struct.pack("<IiiHHIIiiII", 108, 7, 9, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    info += fields + bytes(108 - len(info) - len(fields))
    head = b"BM" + struct.pack("<IHHI", 14 + 108 + len(pixels), 0, 0, 14 + 108)
    (tmp_path / "a.bmp").write_bytes(head + info + pixels)
    with Image.open(tmp_path / "a.bmp") as image:
        assert image.mode == "RGBA"
    np.testing.assert_array_equal(read_image(tmp_path / "a.bmp"), RGB)


LARGE = zlib.compress(bytes(3 << 20))


@pytest.mark.parametrize(
    "large",
    [
        (b"zTXt", b"Comment\0\0" + LARGE),
        (b"iTXt", b"Comment\0\x01\0\0\0" + LARGE),
        (b"iCCP", b"profile\0\0" + LARGE),
    ],
)
def test_megabytes_of_text_leave_the_pixels_whole(
    tmp_path: Path, large: tuple[bytes, bytes]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    path = write_png(tmp_path / "a.png", RGB, [large, (b"eXIf", exif.tobytes()[6:])])
    np.testing.assert_array_equal(read_image(path), RGB[::-1, ::-1])
    path = write_png(tmp_path / "a.png", RGB, behind=[large])
    np.testing.assert_array_equal(read_image(path), RGB)


def test_a_small_text_that_turns_the_image_counts_beside_a_large_one(tmp_path: Path) -> None:
    turn = b'<x tiff:Orientation="3"/>'
    for xmp in (b"\0\0\0\0" + turn, b"\x01\0\0\0" + zlib.compress(turn)):
        text = (b"iTXt", b"XML:com.adobe.xmp\0" + xmp)
        path = write_png(tmp_path / "a.png", RGB, [(b"iCCP", b"profile\0\0" + LARGE), text])
        np.testing.assert_array_equal(read_image(path), RGB[::-1, ::-1])


def test_a_large_text_that_may_turn_the_image_is_refused(tmp_path: Path) -> None:
    xmp = (b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0" + LARGE)
    path = write_png(tmp_path / "a.png", RGB, [xmp])
    with pytest.raises(ImageError, match=r"XML:com\.adobe\.xmp\) is over 1 MiB"):
        read_image(path)


def test_pixels_with_a_wrong_checksum_are_damaged(tmp_path: Path) -> None:
    path = write_png(tmp_path / "a.png", RGB)
    content = path.read_bytes()
    pixels = content.index(b"IDAT") + 4
    stored = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in RGB), 0))
    for place in range(20, 60, 7):
        broken = bytearray(content[: pixels - 8] + stored + chunk(b"IEND", b""))
        broken[pixels + place] ^= 4
        path.write_bytes(broken)
        with pytest.raises(ImageError, match="damaged"):
            read_image(path)


def test_maxval_is_white(tmp_path: Path) -> None:
    for magic, values, truth in ((b"P5", GREY_12, grey(GREY)), (b"P6", RGB_12, RGB)):
        path = tmp_path / "a.ppm"
        path.write_bytes(magic + b" 7 9 4095\n" + values.astype(">u2").tobytes())
        np.testing.assert_array_equal(read_image(path), truth)
        np.testing.assert_array_equal(ImageReader(TWELVE).read(path).pixels, truth)
        with pytest.raises(ImageError, match="maxval states --bit-depth 12"):
            ImageReader(WhiteLevel(bit_depth=10)).read(path)
        path.write_bytes(magic + b" 7 9 65535\n" + values.astype(">u2").tobytes())
        np.testing.assert_array_equal(ImageReader(TWELVE).read(path).pixels, truth)
