"""The images of the training, drawn once and kept in the work folder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from demo.dataset import draw_generic_images, draw_training_images
from demo.settings import Settings
from demo.stages import Images
from diad_deploy.usable_cores import usable_cores


def training_images(settings: Settings, folder: Path) -> Images:
    """Good images of all products: uint8 `[N, S, S, 3]`."""
    data = settings.data
    path = folder / f"products-{data.train_per_product}-{data.size_px}.npy"
    return _cached(
        path,
        lambda: draw_training_images(
            data.train_per_product, size_px=data.size_px, workers=usable_cores()
        ),
    )


def generic_pictures(settings: Settings, folder: Path) -> Images:
    """Images of nothing in particular: uint8 `[N, S, S, 3]`."""
    data = settings.data
    path = folder / f"generic-{data.generic_pictures}-{data.size_px}.npy"
    return _cached(
        path,
        lambda: draw_generic_images(
            data.generic_pictures, size_px=data.size_px, workers=usable_cores()
        ),
    )


def _cached(path: Path, draw: Callable[[], Images]) -> Images:
    if not path.exists():
        images = draw()
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.save(file, images)
        partial.replace(path)
    loaded: Images = np.load(path, mmap_mode="r")
    return loaded
