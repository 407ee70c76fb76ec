"""Maps and masks of a class -> the few counts from which all its pixel metrics follow, exactly.

AUROC, AP, the highest F1 and the per-region overlap change only where a threshold passes a
defective pixel. So the pixels that are not defective need not be ranked among each other: it is
enough how many of them equal each distinct value of a defective pixel, and how many lie between
one such value and the next. That is counted in chunks, of which one at a time is sorted; memory
grows with the defective pixels of a class (one in fifty, in MVTec-AD) and with nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diad_deploy.arrays import BoolArray, FloatArray
from diad_evaluate.metrics.regions import region_shares

CHUNK_PX = 1 << 22
"""Pixels that are sorted at once: 16 MB."""

THRESHOLDS = 200
"""Of the published per-region overlap."""

Counts = npt.NDArray[np.int64]
Values = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PixelCounts:
    """Counts of one class.

    Attributes:
        values: `[V]`, distinct map values of defective pixels, ascending.
        defective: `[V]`, defective pixels of that value.
        overlap: `[V]`, the share of the overlap (averaged over all regions) that lies at that
            value; sums to 1.
        equal: `[V]`, good pixels of that value.
        below: `[V + 1]`, good pixels under the first value, between each and the next, and above
            the last.
        thresholds: `[T]`, the published rule's, ascending; empty where all maps are flat.
        good_above: `[T]`, good pixels above each of them.
        regions: connected defective regions.
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
        """Good pixels in all."""
        return int(self.equal.sum() + self.below.sum())


def count_pixels(maps: FloatArray, masks: BoolArray, *, chunk_px: int = CHUNK_PX) -> PixelCounts:
    """Count the pixels of a class.

    Args:
        maps: `[N, S, S]`, finite.
        masks: bool `[N, S, S]`.
        chunk_px: most pixels to sort at once (at least an image's).
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
    """200 equal steps from the smallest map value on; none where there is one value only.

    In the maps' own type, as the published code has it: `compute_pro` of `utils/eval_helper.py`.
    """
    least, most = maps.min(), maps.max()
    step = (most - least) / maps.dtype.type(THRESHOLDS)
    if not step > 0:
        return np.empty(0, dtype=maps.dtype)
    return np.arange(least, most, step, dtype=maps.dtype)


def _defective_pixels(
    maps: FloatArray, masks: BoolArray
) -> tuple[FloatArray, npt.NDArray[np.float64], int]:
    """Map values `[K]` of all defective pixels, their shares `[K]` of their regions; regions."""
    values, shares, regions = [maps[:0].ravel()], [np.empty(0)], 0
    for anomaly_map, mask in zip(maps, masks, strict=True):
        if mask.any():
            own, count = region_shares(mask)
            values.append(anomaly_map[mask])
            shares.append(own)
            regions += count
    return np.concatenate(values), np.concatenate(shares), regions


def _good_pixels(maps: FloatArray, masks: BoolArray, images: int) -> Iterator[FloatArray]:
    """The values of good pixels, sorted, `images` at a time."""
    for start in range(0, len(maps), images):
        chunk = maps[start : start + images][~masks[start : start + images]]
        chunk.sort()
        yield chunk
