"""Open image files with Pillow: allowed formats and the size limit."""

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from diad_deploy.errors import ImageError
from diad_deploy.files.regular_file import NotRegularFileError, open_regular_file
from diad_deploy.images.formats.memory import memory_gib

LIMIT_PX = 178_956_970
"""Default limit of pixels per image: 0.5 GB of RGB."""

FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Pillow's names of the formats that are tried, by content. Others are not: EPS would start a
program, and TGA has no signature, so damaged files of any format would be taken for it."""

_PIXELS = re.compile(r"\((\d+) pixels\)")
"""In the message of Pillow's own limit."""


def open_file(path: Path) -> BinaryIO:
    """Open an image file for reading.

    Raises:
        ImageError: it does not exist, is empty or not a regular file, or cannot be opened.
    """
    try:
        file = open_regular_file(path)
    except NotRegularFileError as error:
        closed = path.is_dir() and not os.access(path, os.R_OK | os.X_OK)
        denied = " without the permission to enter it" if closed else ""
        raise ImageError(str(path), f"{error.strerror}{denied}") from None
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError(str(path), "no such file") from None
    except (OSError, ValueError) as error:
        reason = one_line(getattr(error, "strerror", None) or str(error))
        raise ImageError(str(path), f"cannot be opened: {reason}") from error
    if os.fstat(file.fileno()).st_size == 0:
        file.close()
        raise ImageError(str(path), "the file is empty; copy it again")
    return file


def one_line(text: str) -> str:
    """`text` without line breaks, at most 200 characters."""
    return " ".join(text.split())[:200]


@contextmanager
def open_image(path: Path, file: BinaryIO, limit_px: int) -> Iterator[Image.Image]:
    """Open an image of at most `limit_px` pixels, without decoding it.

    Raises:
        ImageError: it has no pixels or too many. Pillow's own errors are passed on.
    """
    _raise_pillow_limit(limit_px)
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
        raise ImageError(str(path), f"{width} x {height} pixels: the image is empty")
    if width * height > limit_px:
        reason = _too_large(width * height, limit_px)
        raise ImageError(str(path), f"{width} x {height} pixels: {reason}")


def _too_large(pixels: int, limit_px: int) -> str:
    megapixels = math.ceil(pixels / 1e6)
    return (
        f"too large: expected at most {limit_px / 1e6:.0f} megapixels, found {megapixels}; resize "
        f"it, or use --max-megapixels {megapixels}, which needs about {memory_gib(pixels):.0f} GiB "
        f"of memory with --workers 1 --batch-size 1"
    )


@cache
def _formats() -> tuple[str, ...]:
    """The formats that this build of Pillow supports."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _raise_pillow_limit(limit_px: int) -> None:
    """Pillow has its own limit, for the whole process: it is raised here, never lowered."""
    if limit_px > LIMIT_PX and limit_px > (Image.MAX_IMAGE_PIXELS or limit_px):
        Image.MAX_IMAGE_PIXELS = limit_px
