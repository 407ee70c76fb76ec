"""Test sets on disk: small images whose red is what the fake detector takes for an anomaly."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

GOOD_RED, BAD_RED = 40, 220
WIDTH, HEIGHT = 32, 24


def write_good(path: Path, red: int = GOOD_RED) -> Path:
    return _write(path, _pixels(red))


def write_bad(path: Path, mask: Path | None = None, red: int = BAD_RED, size: int = 12) -> Path:
    """A red square, marked in the mask."""
    pixels = _pixels(GOOD_RED)
    pixels[4 : 4 + size, 6 : 6 + size, 0] = red
    if mask is not None:
        marked = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
        marked[4 : 4 + size, 6 : 6 + size] = 255
        _write(mask, marked)
    return _write(path, pixels)


def write_mvtec_class(root: Path, *, good: int = 3, bad: int = 3) -> Path:
    for number in range(good):
        write_good(root / "test" / "good" / f"{number:03}.png", red=GOOD_RED + number % 50)
    for number in range(bad):
        write_bad(
            root / "test" / "scratch" / f"{number:03}.png",
            root / "ground_truth" / "scratch" / f"{number:03}_mask.png",
            red=BAD_RED - number % 50,
        )
    return root


def _pixels(red: int) -> npt.NDArray[np.uint8]:
    pixels = np.full((HEIGHT, WIDTH, 3), 30, dtype=np.uint8)
    pixels[:, :, 0] = red
    return pixels


def _write(path: Path, pixels: npt.NDArray[np.uint8]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path
