"""Many small images on disk, a known share of which cannot be read."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from demo.drawing.dataset import PRODUCTS, draw_sample
from demo.drawing.defects import defects_for
from diad_deploy.arrays import ImageArray

FOLDERS = 20
WIDTH_PX, HEIGHT_PX = 64, 48
DEFECTIVE_EVERY = 10
"""One in so many of the demo's images has a defect."""
SPLIT = 8
"""First number of the demo images' seeds: no split of the data set uses it."""


def standin_image(number: int) -> ImageArray:
    """A ramp whose colours differ from number to number: uint8 `[H, W, 3]`."""
    ramp = np.linspace(0, 120, WIDTH_PX).astype(np.uint8)
    image = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    image[:, :, 0] = number * 7919 % 256
    image[:, :, 1] = ramp
    image[:, :, 2] = number // 256 % 256
    return image


def demo_image(number: int) -> ImageArray:
    """A piece of the demo's, some of them defective: uint8 `[H, W, 3]`."""
    product = sorted(PRODUCTS)[number % len(PRODUCTS)]
    kinds = defects_for(product)
    defect = kinds[number % len(kinds)] if number % DEFECTIVE_EVERY == 0 else None
    return draw_sample(product, (SPLIT, number), defect=defect, size_px=128).image


def write_images(
    folder: Path, count: int, *, fault_every: int, draw: Callable[[int], ImageArray]
) -> set[str]:
    """Write `count` PNG files and give the names of those that cannot be read.

    Args:
        folder: new; gets `FOLDERS` folders.
        count: how many files.
        fault_every: one in so many is faulty, the kinds of fault in turn.
        draw: the image of a number.
    """
    faulty = set()
    for number in range(count):
        name = f"line-{number % FOLDERS:02}/{number:06}.png"
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = _png(draw(number))
        if number % fault_every == fault_every // 2:
            faulty.add(f"{folder.name}/{name}")
            kinds = list(_FAULTS.values())
            content = kinds[number // fault_every % len(kinds)](content)
        if content:
            path.write_bytes(content)
        else:
            path.symlink_to("nowhere.png")
    return faulty


def _png(image: ImageArray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def _huge(content: bytes) -> bytes:
    """The same file, but its header claims 60,000 pixels each way."""
    header = b"IHDR" + struct.pack(">II", 60_000, 60_000) + content[24:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


_FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda content: content[: len(content) // 2],
    "no image": lambda content: b"no image at all\n" * 20,
    "too large": _huge,
    "a link to nothing": lambda content: b"",
}
