"""AU-PRO: the area under the per-region overlap curve up to a false-positive rate of 30 %."""

import numpy as np
import numpy.typing as npt
from sklearn.metrics import auc

from diad_evaluate.metrics.pixel_counts import PixelCounts

LIMIT = 0.3

Curve = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""False-positive rates, ascending, and the overlap at each."""


def published_au_pro(counts: PixelCounts) -> float | None:
    """AU-PRO by the published rule (`compute_pro` of `utils/eval_helper.py`).

    Of 200 equally spaced thresholds, those with a false-positive rate below 0.3 are kept. The rates
    are divided by their largest, and the area is computed with trapezoids.

    Returns:
        The area; None if fewer than two different rates are kept.
    """
    rates = counts.good_above / counts.good
    overlap = _overlap_above(counts)
    kept = rates < LIMIT
    if not kept.any() or not rates[kept].max() > 0 or kept.sum() < 2:
        return None
    return float(auc(rates[kept] / rates[kept].max(), overlap[kept]))


def exact_au_pro(counts: PixelCounts) -> float:
    """The area under the curve of all distinct thresholds from 0 to 0.3, divided by 0.3."""
    rates, overlap = overlap_curve(counts)
    inside = int(np.searchsorted(rates, LIMIT, side="right"))
    ends = np.interp(LIMIT, rates[inside - 1 : inside + 1], overlap[inside - 1 : inside + 1])
    area = auc(np.append(rates[:inside], LIMIT), np.append(overlap[:inside], ends))
    return float(area / LIMIT)


def overlap_curve(counts: PixelCounts) -> Curve:
    """The corners of the curve from (0, 0) to (1, 1), which is straight between them."""
    # from the highest value: the good pixels above it (a flat step), then those equal to it
    steps = np.empty(2 * len(counts.values) + 1, dtype=np.float64)
    steps[0::2], steps[1::2] = counts.below[::-1], counts.equal[::-1]
    rates = np.cumsum(steps) / counts.good
    rises = np.zeros_like(steps)
    rises[1::2] = counts.overlap[::-1]
    return np.append(0.0, rates), np.append(0.0, np.cumsum(rises))


def _overlap_above(counts: PixelCounts) -> npt.NDArray[np.float64]:
    """The mean overlap of the pixels above each published threshold."""
    above = np.append(np.cumsum(counts.overlap[::-1])[::-1], 0.0)
    return above[np.searchsorted(counts.values, counts.thresholds, side="right")]
