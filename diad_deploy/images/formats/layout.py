"""What the samples of an opened image are, by its format, before it is decoded."""

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
    """How an image's file lays its samples.

    Attributes:
        white_of_type: the largest value of a sample; 1.0 for floats, 255 for 8 bits and less.
        stated: what else the file says of white.
        significant_bits: of PNG's sBIT, where a sample has more; whether samples are scaled up to
            all bits shows in the values.
        zero_is_white: whether the values count down from white.
        unsigned_32: whether Pillow's signed values are unsigned.
        plain_colours: whether it is RGB of 16 bits, of which Pillow gives the high bytes.
    """

    white_of_type: float = EIGHT_BIT_WHITE
    stated: StatedWhite | None = None
    significant_bits: int | None = None
    zero_is_white: bool = False
    unsigned_32: bool = False
    plain_colours: bool = False


def layout_of(path: Path, image: Image.Image, file: BinaryIO) -> Layout:
    """The layout of an image that Pillow has opened and not decoded; the file's place is kept.

    Raises:
        ImageError: Pillow would decode it wrongly.
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
    tags = tiff.tags_of(image)
    tiff.check_kind(path, tags)
    if tags.bits <= 8:
        return Layout()
    return Layout(
        white_of_type=tags.white_of_type,
        stated=tags.stated,
        # of colours Pillow knows only those that count up
        zero_is_white=tags.zero_is_white,
        unsigned_32=image.mode == "I" and tags.white_of_type > 2**31,
        plain_colours=image.mode == "RGB" and tags.extra == 0,
    )


def _png(path: Path, image: Image.Image, file: BinaryIO) -> Layout:
    raw_mode = str(_arguments(image))
    transparent = image.info.get("transparency")
    if raw_mode in ("L;2", "L;4") and isinstance(transparent, int):
        # Pillow scales the samples to 8 bits, and not this
        image.info["transparency"] = transparent * (85 if raw_mode == "L;2" else 17)
    if raw_mode == "RGB;16B" and transparent is not None:
        raise ImageError(
            str(path), "RGB of 16 bits with a transparent colour; save it as PNG without"
        )
    if not raw_mode.endswith(";16B"):
        return Layout()
    bits = max(png.significant_bits(file)[: 3 if raw_mode.startswith("RGB") else 1], default=16)
    return Layout(
        white_of_type=SIXTEEN_BIT_WHITE,
        significant_bits=bits if 0 < bits < 16 else None,
        plain_colours=raw_mode == "RGB;16B",
    )


def _ppm(image: Image.Image) -> Layout:
    if image.mode == "F":
        return Layout(white_of_type=FLOAT_WHITE)
    arguments = _arguments(image)
    most = arguments[1] if isinstance(arguments, tuple) and len(arguments) == 2 else 0
    if not (image.mode == "I" or most > EIGHT_BIT_WHITE):
        return Layout()
    stated = None
    if EIGHT_BIT_WHITE < most < SIXTEEN_BIT_WHITE:
        # Pillow scales to all bits by it
        stated = StatedWhite(value=float(most), source="the file's maxval", scaled=True)
    return Layout(white_of_type=SIXTEEN_BIT_WHITE, stated=stated, plain_colours=image.mode == "RGB")


def _jpeg2000(file: BinaryIO) -> Layout:
    bits = jpeg2000.precision(file)
    if bits <= 8:
        return Layout()
    stated = None
    if bits < 16:
        # Pillow shifts to all bits
        stated = StatedWhite(value=2.0**bits - 1, source="the JPEG 2000's precision", scaled=True)
    return Layout(white_of_type=SIXTEEN_BIT_WHITE, stated=stated)


def _arguments(image: Image.Image) -> Any:
    """What Pillow's decoder of the first tile was told; the raw mode, alone or first."""
    tiles = getattr(image, "tile", None)
    return tiles[0][3] if tiles else ""
