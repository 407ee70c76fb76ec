"""Decoding: what a viewer shows, or a reason in one line."""

import io
import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diad_deploy.errors import ImageError
from diad_deploy.images.reader import read_image

RAMP = np.linspace(0, 65535, 256).reshape(16, 16)


def save(path: Path, image: Image.Image, **settings: object) -> Path:
    image.save(path, **settings)
    return path


def photo(width: int = 24, height: int = 16) -> Image.Image:
    rng = np.random.default_rng(5)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_a_plain_image_is_read_as_it_is(tmp_path: Path) -> None:
    image = read_image(save(tmp_path / "a.png", photo()))
    assert image.dtype == np.uint8
    assert image.shape == (16, 24, 3)
    np.testing.assert_array_equal(image, np.asarray(photo()))


def test_the_content_counts_and_not_the_suffix(tmp_path: Path) -> None:
    jpeg = save(tmp_path / "a.jpg", photo(), quality=95)
    mislabelled = tmp_path / "b.png"
    mislabelled.write_bytes(jpeg.read_bytes())
    np.testing.assert_array_equal(read_image(mislabelled), read_image(jpeg))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(tmp_path: Path, orientation: int) -> None:
    stored = photo()
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_image(save(tmp_path / "a.png", stored, exif=exif))
    pixels = np.asarray(stored)
    upright = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels, -1),
        7: pixels.transpose(1, 0, 2)[::-1, ::-1],
        8: np.rot90(pixels, 1),
    }
    np.testing.assert_array_equal(image, upright[orientation])


def test_damaged_exif_costs_the_rotation_and_not_the_image(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", photo(), exif=b"Exif\x00\x00MM\x00\x2a\x00")
    np.testing.assert_array_equal(read_image(path), np.asarray(photo()))


def test_16_bit_greyscale_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    values = RAMP.astype(np.uint16)
    image = read_image(save(tmp_path / "a.png", Image.fromarray(values)))
    np.testing.assert_array_equal(image[..., 0], np.rint(values / 257))
    np.testing.assert_array_equal(image[..., 0], image[..., 2])


@pytest.mark.parametrize("suffix", ["tif", "pgm"])
def test_16_bit_greyscale_of_other_formats(tmp_path: Path, suffix: str) -> None:
    values = RAMP.astype(np.uint16)
    image = read_image(save(tmp_path / f"a.{suffix}", Image.fromarray(values)))
    np.testing.assert_array_equal(image[..., 0], np.rint(values / 257))


def test_a_dark_16_bit_image_stays_dark(tmp_path: Path) -> None:
    values = np.full((8, 8), 200, np.uint16)
    assert read_image(save(tmp_path / "a.png", Image.fromarray(values))).max() == 1


def test_the_transparent_grey_of_a_16_bit_image_is_white(tmp_path: Path) -> None:
    values = np.full((8, 8), 1000, np.uint16)
    values[0] = 3000
    image = read_image(save(tmp_path / "a.png", Image.fromarray(values), transparency=3000))
    assert image[0].min() == 255
    assert image[1:].max() == 4


def test_32_bit_integers_of_the_whole_range(tmp_path: Path) -> None:
    values = np.linspace(0, 2**31 - 1, 64).astype(np.int32).reshape(8, 8)
    image = read_image(save(tmp_path / "a.tif", Image.fromarray(values)))
    np.testing.assert_array_equal(image[..., 0], np.rint(values / (2**31 - 1) * 255))


def test_unsigned_32_bit_integers_above_the_signed_range(tmp_path: Path) -> None:
    values = np.linspace(0, 2**32 - 1, 64).astype(np.uint32).reshape(8, 8)
    image = Image.fromarray(values.view(np.int32))
    path = save(tmp_path / "a.tif", image)
    # Pillow writes "signed" (2) as the sample format; a camera's unsigned image has 1
    entry = b"\x53\x01\x03\x00\x01\x00\x00\x00\x02\x00"
    content = path.read_bytes()
    assert content.count(entry) == 1
    path.write_bytes(content.replace(entry, entry[:-2] + b"\x01\x00"))
    read = read_image(path)
    np.testing.assert_array_equal(read[..., 0], np.rint(values / (2**32 - 1) * 255))


def test_floats_that_are_no_numbers_do_not_hide_the_others(tmp_path: Path) -> None:
    values = np.full((4, 4), 0.5, np.float32)
    values[0, :3] = [np.nan, np.inf, -np.inf]
    image = read_image(save(tmp_path / "a.tif", Image.fromarray(values)))
    assert image[..., 0].tolist()[0] == [0, 255, 0, 128]


def test_alpha_is_laid_over_white(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[0, :, 3] = 255
    pixels[1, :, 3] = 128
    image = read_image(save(tmp_path / "a.png", Image.fromarray(pixels)))
    assert image[0, 0].tolist() == [200, 0, 0]
    assert image[1, 0].tolist() == [227, 127, 127]
    assert image[2, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "YCbCr"])
def test_other_modes_become_the_same_rgb(tmp_path: Path, mode: str) -> None:
    image = photo().convert(mode)
    suffix = {"CMYK": "tif", "YCbCr": "tif"}.get(mode, "png")
    read = read_image(save(tmp_path / f"a.{suffix}", image))
    np.testing.assert_array_equal(read, np.asarray(image.convert("RGB")))


def test_a_transparent_palette_colour_is_white(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 10, 20, 30, 40, 50, 60])
    image.putpixel((0, 0), 2)
    read = read_image(save(tmp_path / "a.png", image, transparency=1))
    assert read[0, 0].tolist() == [40, 50, 60]
    assert read[1, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_of_an_animation_the_first_frame_is_taken(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("#ff0000", "#00ff00", "#0000ff")]
    lossless = {"lossless": True} if suffix == "webp" else {}
    path = save(
        tmp_path / f"a.{suffix}", frames[0], save_all=True, append_images=frames[1:], **lossless
    )
    assert read_image(path)[4, 4].tolist() == [255, 0, 0]


def test_an_image_of_one_pixel(tmp_path: Path) -> None:
    assert read_image(save(tmp_path / "a.png", photo(1, 1))).shape == (1, 1, 3)


def truncated(path: Path) -> None:
    content = io.BytesIO()
    photo(200, 200).save(content, "PNG")
    path.write_bytes(content.getvalue()[:20_000])


def bomb(path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_text("not an image"), "not an image"),
        (lambda path: path.mkdir(), "expected a regular file, found a folder"),
        (lambda path: os.mkfifo(path), "expected a regular file, found a pipe"),
        (lambda path: path.symlink_to("nowhere"), "no such file"),
        (lambda path: None, "no such file"),
        (truncated, "damaged or truncated"),
        (
            bomb,
            "too large: expected at most 179 megapixels, found 400; resize it, or use --max-mega",
        ),
    ],
)
def test_what_cannot_be_read_has_a_reason(
    tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    path = tmp_path / "a.png"
    make(path)
    with pytest.raises(ImageError) as raised:
        read_image(path)
    assert raised.value.reason.startswith(reason)
    assert "\n" not in raised.value.reason
    assert raised.value.path == str(path)


def test_a_file_below_a_file_is_not_there(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", photo())
    with pytest.raises(ImageError, match="no such file"):
        read_image(path / "b.png")


def test_the_limit_is_on_pixels_and_holds_before_decoding(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", photo(30, 20))
    assert read_image(path, limit_px=600).shape == (20, 30, 3)
    path.write_bytes(path.read_bytes()[:100])  # decoding would fail otherwise
    with pytest.raises(ImageError, match="30 x 20 pixels: too large"):
        read_image(path, limit_px=599)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_rights(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", photo())
    path.chmod(0)
    with pytest.raises(ImageError, match="cannot be opened: Permission denied"):
        read_image(path)


def test_running_out_of_memory_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.png", photo())

    def refuse(self: Image.Image) -> None:
        raise MemoryError

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", refuse)
    with pytest.raises(ImageError, match="out of memory"):
        read_image(path)


def test_formats_that_start_programs_stay_closed(tmp_path: Path) -> None:
    path = save(tmp_path / "a.eps", photo())
    with pytest.raises(ImageError, match="not an image"):
        read_image(path)


def test_interruptions_are_not_taken_for_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.png", photo())

    def interrupt(self: Image.Image) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", interrupt)
    with pytest.raises(KeyboardInterrupt):
        read_image(path)


# Pillow warns of some damage that it can live with
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "suffix", ["png", "jpg", "bmp", "tif", "webp", "gif", "ppm", "jp2", "avif"]
)
def test_whatever_the_bytes_there_is_an_image_or_a_reason(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    exif = {"exif": b"Exif\x00\x00II\x2a\x00\x08\x00\x00\x00\x00\x00"} if suffix == "jpg" else {}
    if suffix == "avif" and ".avif" not in Image.registered_extensions():
        pytest.skip("this Pillow has no AVIF")
    photo(40, 30).save(path, **exif)
    whole = path.read_bytes()
    chance = random.Random(11)
    reasons: list[str] = []
    for _ in range(60):
        content = bytearray(whole)
        for _ in range(chance.randrange(1, 8)):
            # headers break in more ways than pixels do
            end = chance.choice([64, 256, len(content)])
            content[chance.randrange(min(end, len(content)))] = chance.randrange(256)
        if chance.random() < 0.5:
            del content[chance.randrange(len(content)) :]
        path.write_bytes(content)
        try:
            image = read_image(path, limit_px=1_000_000)
        except ImageError as error:
            reasons.append(error.reason)
        else:
            assert image.dtype == np.uint8
            assert image.ndim == 3
    assert len(reasons) > 5
    assert all(reason and "\n" not in reason for reason in reasons)
