"""The sample layout of an opened image, by format, before it is decoded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from diad_deploy.errors import ImageError
from diad_deploy.images.formats import jpeg2000, png, tiff
from diad_deploy.images.formats.samples import (
    EIGHT_BIT_WHITE,
    FLOAT_WHITE,
    SIXTEEN_BIT_WHITE,
    StatedWhite,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The sample layout of an image file.

    Attributes:
        white_of_type: the largest value of the sample type; 1.0 for floats, 255 for up to 8 bits.
        stated: the white level stated by the file, if any.
        significant_bits: from a PNG's sBIT chunk, if fewer than the sample's bits. Whether the
            samples are scaled up can only be seen in their values.
        zero_is_white: whether 0 is white and the largest value black.
        unsigned_32: whether Pillow's signed 32-bit values are unsigned.
        is_rgb16: whether it is 16-bit RGB, of which Pillow returns only the high bytes.
    """

    white_of_type: float = EIGHT_BIT_WHITE
    stated: StatedWhite | None = None
    significant_bits: int | None = None
    zero_is_white: bool = False
    unsigned_32: bool = False
    is_rgb16: bool = False


def read_layout(path: Path, image: Image.Image, file: BinaryIO) -> Layout:
    """The layout of an image that Pillow has opened but not decoded; keeps the file position.

    Raises:
        ImageError: Pillow would decode it incorrectly.
    """
    place = file.tell()
    try:
        if image.format == "TIFF":
            return _tiff(path, image)
        if image.format == "PNG":
            return _png(path, image, file)
        if image.format == "PPM":
            return _ppm(image)
        if image.format == "JPEG2000":
            return _jpeg2000(file)
        return Layout()
    finally:
        file.seek(place)


def _tiff(path: Path, image: Image.Image) -> Layout:
    tags = tiff.read_tags(image)
    tiff.check_supported(path, tags)
    if tags.bits <= 8:
        return Layout()
    return Layout(
        white_of_type=tags.white_of_type,
        stated=tags.stated,
        # Pillow supports it for greyscale only
        zero_is_white=tags.zero_is_white,
        unsigned_32=image.mode == "I" and tags.white_of_type > 2**31,
        is_rgb16=image.mode == "RGB" and tags.extra == 0,
    )


def _png(path: Path, image: Image.Image, file: BinaryIO) -> Layout:
    raw_mode = str(_arguments(image))
    transparent = image.info.get("transparency")
    if raw_mode in ("L;2", "L;4") and isinstance(transparent, int):
        # Pillow scales the samples to 8 bits, but not the transparent value
        image.info["transparency"] = transparent * (85 if raw_mode == "L;2" else 17)
    if raw_mode == "RGB;16B" and transparent is not None:
        raise ImageError(
            str(path), "16-bit RGB with a transparent colour; save it as PNG without transparency"
        )
    if not raw_mode.endswith(";16B"):
        return Layout()
    bits = max(png.significant_bits(file)[: 3 if raw_mode.startswith("RGB") else 1], default=16)
    return Layout(
        white_of_type=SIXTEEN_BIT_WHITE,
        significant_bits=bits if 0 < bits < 16 else None,
        is_rgb16=raw_mode == "RGB;16B",
    )


def _ppm(image: Image.Image) -> Layout:
    if image.mode == "F":
        return Layout(white_of_type=FLOAT_WHITE)
    arguments = _arguments(image)
    maxval = arguments[1] if isinstance(arguments, tuple) and len(arguments) == 2 else 0
    if not (image.mode == "I" or maxval > EIGHT_BIT_WHITE):
        return Layout()
    stated = None
    if EIGHT_BIT_WHITE < maxval < SIXTEEN_BIT_WHITE:
        # Pillow scales the samples to 16 bits by it
        stated = StatedWhite(value=float(maxval), source="the file's maxval", scaled=True)
    return Layout(white_of_type=SIXTEEN_BIT_WHITE, stated=stated, is_rgb16=image.mode == "RGB")


def _jpeg2000(file: BinaryIO) -> Layout:
    bits = jpeg2000.precision(file)
    if bits <= 8:
        return Layout()
    stated = None
    if bits < 16:
        # Pillow shifts the samples to 16 bits
        stated = StatedWhite(value=2.0**bits - 1, source="the JPEG 2000's precision", scaled=True)
    return Layout(white_of_type=SIXTEEN_BIT_WHITE, stated=stated)


def _arguments(image: Image.Image) -> Any:
    """The arguments of Pillow's decoder for the first tile: the raw mode, alone or first."""
    tiles = getattr(image, "tile", None)
    return tiles[0][3] if tiles else ""
