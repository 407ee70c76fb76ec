"""The pixel counts of a class, from which all pixel metrics follow exactly.

AUROC, AP, the highest F1 and the per-region overlap change only where the threshold passes a
defective pixel. Good pixels therefore need not be sorted among each other: it is enough to know
how many equal each distinct value of a defective pixel, and how many are between one such value
and the next. They are counted in chunks that are sorted one at a time, so memory only grows with
the number of defective pixels (one in fifty in MVTec-AD).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diad_deploy.arrays import BoolArray, FloatArray
from diad_evaluate.metrics.regions import region_shares

CHUNK_PX = 1 << 22
"""The number of pixels sorted at once: 16 MB."""

THRESHOLDS = 200
"""The number of thresholds of the published per-region overlap."""

Counts = npt.NDArray[np.int64]
Values = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PixelCounts:
    """The pixel counts of one class.

    Attributes:
        values: `[V]`, the distinct map values of defective pixels, ascending.
        defective: `[V]`, the number of defective pixels with each value.
        overlap: `[V]`, the share of the overlap (mean over all regions) at each value; sums to 1.
        equal: `[V]`, the number of good pixels with each value.
        below: `[V + 1]`, the number of good pixels below the first value, between each value and
            the next, and above the last.
        thresholds: `[T]`, the thresholds of the published rule, ascending; empty if all maps are
            constant.
        good_above: `[T]`, the number of good pixels above each threshold.
        regions: the number of connected defective regions.
    """

    values: Values
    defective: Counts
    overlap: npt.NDArray[np.float64]
    equal: Counts
    below: Counts
    thresholds: Values
    good_above: Counts
    regions: int

    @property
    def good(self) -> int:
        """The number of good pixels."""
        return int(self.equal.sum() + self.below.sum())


def count_pixels(maps: FloatArray, masks: BoolArray, *, chunk_px: int = CHUNK_PX) -> PixelCounts:
    """Count the pixels of a class.

    Args:
        maps: `[N, S, S]`, finite.
        masks: bool `[N, S, S]`.
        chunk_px: the most pixels to sort at once; at least those of one image.
    """
    found, shares, regions = _defective_pixels(maps, masks)
    values, where = np.unique(found, return_inverse=True)
    thresholds = published_thresholds(maps)
    under, up_to, over = (
        np.zeros(len(each), dtype=np.int64) for each in (values, values, thresholds)
    )
    good = 0
    for chunk in _good_pixels(maps, masks, max(1, chunk_px // maps[0].size)):
        under += np.searchsorted(chunk, values, side="left")
        up_to += np.searchsorted(chunk, values, side="right")
        over += len(chunk) - np.searchsorted(chunk, thresholds, side="right")
        good += len(chunk)
    return PixelCounts(
        values=values,
        defective=np.bincount(where, minlength=len(values)).astype(np.int64),
        overlap=np.bincount(where, weights=shares, minlength=len(values)) / max(regions, 1),
        equal=up_to - under,
        below=np.concatenate([under, [good]]) - np.concatenate([[0], up_to]),
        thresholds=thresholds,
        good_above=over,
        regions=regions,
    )


def published_thresholds(maps: FloatArray) -> Values:
    """200 equal steps from the smallest map value; empty if all values are equal.

    They have the type of the maps, as in the published `compute_pro` (`utils/eval_helper.py`).
    """
    low, high = maps.min(), maps.max()
    step = (high - low) / maps.dtype.type(THRESHOLDS)
    if not step > 0:
        return np.empty(0, dtype=maps.dtype)
    return np.arange(low, high, step, dtype=maps.dtype)


def _defective_pixels(
    maps: FloatArray, masks: BoolArray
) -> tuple[FloatArray, npt.NDArray[np.float64], int]:
    """Of all defective pixels the map values `[K]` and shares `[K]`, and the number of regions."""
    values, shares, regions = [maps[:0].ravel()], [np.empty(0)], 0
    for anomaly_map, mask in zip(maps, masks, strict=True):
        if mask.any():
            own, count = region_shares(mask)
            values.append(anomaly_map[mask])
            shares.append(own)
            regions += count
    return np.concatenate(values), np.concatenate(shares), regions


def _good_pixels(maps: FloatArray, masks: BoolArray, images: int) -> Iterator[FloatArray]:
    """The sorted values of the good pixels of `images` images at a time."""
    for start in range(0, len(maps), images):
        chunk = maps[start : start + images][~masks[start : start + images]]
        chunk.sort()
        yield chunk
