"""Scores, maps and masks of one class while it runs."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from diad_deploy.arrays import BoolArray, FloatArray

IN_MEMORY_BYTES = 1 << 30
"""What a class may take in memory; a larger one lies in temporary files."""


class ClassImages:
    """What the metrics of a class are computed from.

    Attributes:
        defective: one an image that was read.
        scores: one an image that was read.
    """

    def __init__(self, maps: FloatArray, masks: BoolArray) -> None:
        self.defective: list[bool] = []
        self.scores: list[float] = []
        self._maps = maps
        self._masks = masks
        self._count = 0

    def add(self, *, defective: bool, score: float) -> None:
        """Take an image's label and score."""
        self.defective.append(defective)
        self.scores.append(score)

    def add_map(self, anomaly_map: FloatArray, mask: BoolArray) -> None:
        """Take an image's map `[S, S]` and where it is defective `[S, S]`."""
        self._maps[self._count] = anomaly_map
        self._masks[self._count] = mask
        self._count += 1

    @property
    def maps(self) -> FloatArray:
        """`[N, S, S]`, of those images whose defects are known."""
        return self._maps[: self._count]

    @property
    def masks(self) -> BoolArray:
        """`[N, S, S]`, of the same."""
        return self._masks[: self._count]


@contextmanager
def class_images(
    most: int, size_px: int, *, in_memory_bytes: int = IN_MEMORY_BYTES
) -> Iterator[ClassImages]:
    """Room for `most` images of `size_px`, in memory or in files that go away."""
    shape = (most, size_px, size_px)
    # a float32 and a bool a pixel
    if most * size_px * size_px * 5 <= in_memory_bytes:
        yield ClassImages(np.empty(shape, np.float32), np.empty(shape, np.bool_))
        return
    with tempfile.TemporaryDirectory(prefix="diad-evaluate-") as folder:
        maps = np.memmap(Path(folder, "maps"), np.float32, "w+", shape=shape)
        masks = np.memmap(Path(folder, "masks"), np.bool_, "w+", shape=shape)
        yield ClassImages(maps, masks)
