"""The training images, drawn once and cached in the work folder."""

from pathlib import Path

from demo.drawing.dataset import draw_generic_images, draw_training_images
from demo.learning.array_cache import cached_array
from demo.learning.stages import Images
from demo.settings import Settings
from diad_deploy.usable_cores import usable_cores


def training_images(settings: Settings, folder: Path) -> Images:
    """Good images of all products: uint8 `[N, S, S, 3]`."""
    data = settings.data
    path = folder / f"products-{data.train_per_product}-{data.size_px}.npy"
    return cached_array(
        path,
        lambda: draw_training_images(
            data.train_per_product, size_px=data.size_px, workers=usable_cores()
        ),
        mmap_mode="r",
    )


def generic_images(settings: Settings, folder: Path) -> Images:
    """Generic images without products: uint8 `[N, S, S, 3]`."""
    data = settings.data
    path = folder / f"generic-{data.generic_pictures}-{data.size_px}.npy"
    return cached_array(
        path,
        lambda: draw_generic_images(
            data.generic_pictures, size_px=data.size_px, workers=usable_cores()
        ),
        mmap_mode="r",
    )
