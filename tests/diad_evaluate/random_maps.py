"""Random maps and masks, with ties and without, and the metrics counted out the slow way."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from diad_deploy.arrays import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RandomClass:
    maps: FloatArray
    masks: BoolArray


def random_class(seed: int, *, levels: int | None, side: int = 24, count: int = 5) -> RandomClass:
    """`levels` distinct map values, or nearly all distinct with None."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((count, side, side), dtype=bool)
    for mask in masks[1:]:
        for _ in range(rng.integers(1, 4)):
            y, x = rng.integers(0, side - 6, 2)
            mask[y : y + rng.integers(1, 6), x : x + rng.integers(1, 6)] = True
    maps = rng.random(masks.shape) + masks * rng.uniform(-0.3, 0.8)
    if levels is not None:
        maps = np.floor(maps * levels) / levels
    return RandomClass(maps=maps.astype(np.float32), masks=masks)


def overlap_at(found: RandomClass, threshold: float) -> tuple[float, float]:
    """False-positive rate and mean overlap of regions of what lies above the threshold."""
    above = found.maps > threshold
    overlaps = []
    for mask, marked in zip(found.masks, above, strict=True):
        labels, regions = ndimage.label(mask, structure=np.ones((3, 3)))
        overlaps += [marked[labels == region].mean() for region in range(1, regions + 1)]
    return float(above[~found.masks].mean()), float(np.mean(overlaps))


def exact_curve(found: RandomClass) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """`overlap_at` every distinct value of the maps, and at none."""
    values = [np.inf, *np.unique(found.maps)[::-1], -np.inf]
    points = np.array([overlap_at(found, value) for value in values])
    return points[:, 0], points[:, 1]
