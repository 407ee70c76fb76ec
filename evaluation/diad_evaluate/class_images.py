"""The scores, maps and masks of one class during the evaluation."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from diad_deploy.arrays import BoolArray, FloatArray

IN_MEMORY_BYTES = 1 << 30
"""The most memory for the maps and masks of a class; more are kept in temporary files."""


class ClassImages:
    """The inputs of the metrics of one class.

    Attributes:
        defective: the label of each image that was read.
        scores: the score of each image that was read.
    """

    def __init__(self, maps: FloatArray, masks: BoolArray) -> None:
        self.defective: list[bool] = []
        self.scores: list[float] = []
        self._maps = maps
        self._masks = masks
        self._count = 0

    def add(self, *, defective: bool, score: float) -> None:
        """Add the label and the score of an image."""
        self.defective.append(defective)
        self.scores.append(score)

    def add_map(self, anomaly_map: FloatArray, mask: BoolArray) -> None:
        """Add the anomaly map and the defective pixels of an image, both `[S, S]`."""
        self._maps[self._count] = anomaly_map
        self._masks[self._count] = mask
        self._count += 1

    @property
    def maps(self) -> FloatArray:
        """The anomaly maps of images with usable masks, `[N, S, S]`."""
        return self._maps[: self._count]

    @property
    def masks(self) -> BoolArray:
        """The defective pixels of the same images, `[N, S, S]`."""
        return self._masks[: self._count]


@contextmanager
def class_images(
    count: int, size_px: int, *, in_memory_bytes: int = IN_MEMORY_BYTES
) -> Iterator[ClassImages]:
    """Space for `count` images of `size_px`, in memory or in temporary files."""
    shape = (count, size_px, size_px)
    # a float32 and a bool per pixel
    if count * size_px * size_px * 5 <= in_memory_bytes:
        yield ClassImages(np.empty(shape, np.float32), np.empty(shape, np.bool_))
        return
    with tempfile.TemporaryDirectory(prefix="diad-evaluate-") as folder:
        maps = np.memmap(Path(folder, "maps"), np.float32, "w+", shape=shape)
        masks = np.memmap(Path(folder, "masks"), np.bool_, "w+", shape=shape)
        yield ClassImages(maps, masks)
