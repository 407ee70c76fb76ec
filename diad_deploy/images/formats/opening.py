"""A file is opened by Pillow: which formats, how large, and what of its metadata."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from diad_deploy.errors import ImageError
from diad_deploy.images.formats.memory import memory_gib

LIMIT_PX = 178_956_970
"""Most pixels that are decoded where nobody says more: 0.5 GB of RGB."""

FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Tried by content, in Pillow's names. Others stay closed: EPS would start a program, and TGA has
no mark of its own, so that damaged files of any kind pass for it."""


_PIXELS = re.compile(r"\((\d+) pixels\)")
"""In Pillow's own refusal."""


@contextmanager
def open_image(path: Path, file: BinaryIO, limit_px: int) -> Iterator[Image.Image]:
    """Pillow's image of an open file, not decoded yet, of at most `limit_px` pixels.

    Raises:
        ImageError: without pixels or with too many. What Pillow raises where it cannot read it.
    """
    _lift_limit(limit_px)
    try:
        image = Image.open(file, formats=_formats())
    except Image.DecompressionBombError as error:
        pixels = _PIXELS.search(str(error))
        count = int(pixels[1]) if pixels else limit_px + 1
        raise ImageError(str(path), _too_large(count, limit_px)) from error
    with image:
        check_size(image.size, path, limit_px)
        yield image


def check_size(size: tuple[int, int], path: Path, limit_px: int) -> None:
    """Raise `ImageError` unless (width, height) is at least 1 x 1 and within the limit."""
    width, height = size
    if width < 1 or height < 1:
        raise ImageError(str(path), f"{width} x {height} pixels: there is nothing to see")
    if width * height > limit_px:
        reason = _too_large(width * height, limit_px)
        raise ImageError(str(path), f"{width} x {height} pixels: {reason}")


def _too_large(pixels: int, limit_px: int) -> str:
    megapixels = math.ceil(pixels / 1e6)
    return (
        f"too large, {megapixels} megapixels, the limit is {limit_px / 1e6:.0f}; make it smaller, "
        f"or take --max-megapixels {megapixels}: a run with --workers 1 --batch-size 1 then needs "
        f"about {memory_gib(pixels):.0f} GiB"
    )


@cache
def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this build of Pillow has."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _lift_limit(limit_px: int) -> None:
    """Pillow has a limit of its own for the whole process: raised, never lowered."""
    if limit_px > LIMIT_PX and limit_px > (Image.MAX_IMAGE_PIXELS or limit_px):
        Image.MAX_IMAGE_PIXELS = limit_px
