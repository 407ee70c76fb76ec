"""The pictures of the training, drawn once and kept in the work folder."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from demo.dataset import draw_generic_pictures, draw_training_pictures
from demo.settings import Settings
from demo.stages import Pictures


def training_pictures(settings: Settings, folder: Path) -> Pictures:
    """Good pictures of all products: uint8 `[N, S, S, 3]`."""
    data = settings.data
    path = folder / f"products-{data.train_per_product}-{data.size_px}.npy"
    return _cached(
        path,
        lambda: draw_training_pictures(
            data.train_per_product, size_px=data.size_px, workers=_workers()
        ),
    )


def generic_pictures(settings: Settings, folder: Path) -> Pictures:
    """Pictures of nothing in particular: uint8 `[N, S, S, 3]`."""
    data = settings.data
    path = folder / f"generic-{data.generic_pictures}-{data.size_px}.npy"
    return _cached(
        path,
        lambda: draw_generic_pictures(
            data.generic_pictures, size_px=data.size_px, workers=_workers()
        ),
    )


def _workers() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cached(path: Path, draw: Callable[[], Pictures]) -> Pictures:
    if not path.exists():
        pictures = draw()
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.save(file, pictures)
        partial.replace(path)
    loaded: Pictures = np.load(path, mmap_mode="r")
    return loaded
