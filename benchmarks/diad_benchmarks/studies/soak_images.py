"""Many small images on disk, a known part of which cannot be read."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from diad_benchmarks.models.images import png_bytes
from diad_deploy.arrays import ImageArray

FOLDERS = 20
WIDTH_PX, HEIGHT_PX = 64, 48


def standin_image(number: int) -> ImageArray:
    """A gradient whose colours depend on the number: uint8 `[H, W, 3]`."""
    ramp = np.linspace(0, 120, WIDTH_PX).astype(np.uint8)
    image = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    image[:, :, 0] = number * 7919 % 256
    image[:, :, 1] = ramp
    image[:, :, 2] = number // 256 % 256
    return image


def write_images(
    folder: Path, count: int, *, fault_every: int, draw: Callable[[int], ImageArray]
) -> set[str]:
    """Write `count` PNG files, and return the names of those that cannot be read.

    Args:
        folder: a new folder, in which `FOLDERS` folders are created.
        count: number of files.
        fault_every: one image in this number is faulty, with each kind of fault in turn.
        draw: returns the image with a number.
    """
    faulty = set()
    for number in range(count):
        name = f"line-{number % FOLDERS:02}/{number:06}.png"
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = png_bytes(draw(number))
        if number % fault_every == fault_every // 2:
            faulty.add(f"{folder.name}/{name}")
            content = _FAULTS[number // fault_every % len(_FAULTS)](content)
        if content:
            path.write_bytes(content)
        else:
            path.symlink_to("nowhere.png")
    return faulty


def _huge(content: bytes) -> bytes:
    """The same file with a header that claims 60,000 x 60,000 pixels."""
    header = b"IHDR" + struct.pack(">II", 60_000, 60_000) + content[24:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


_FAULTS: tuple[Callable[[bytes], bytes], ...] = (
    lambda content: content[: len(content) // 2],
    lambda content: b"no image at all\n" * 20,
    _huge,
    lambda content: b"",
)
"""Truncated, not an image, too large, and a broken link."""
