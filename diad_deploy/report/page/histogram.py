"""A histogram of all scores."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MAX_BARS = 40
_ROUND_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The number of scores from `low` to below `high`; the last bar includes `high`."""

    low: float
    high: float
    count: int


def histogram(scores: Sequence[float], max_bars: int = MAX_BARS) -> tuple[Bar, ...]:
    """Bars of equal width with round limits; empty without scores."""
    values = np.asarray(scores, dtype=np.float64)
    if not values.size:
        return ()
    low, high = float(values.min()), float(values.max())
    # equal scores still get a bar with a width
    spread = max(high - low, abs(high) * 1e-3, 1e-6)
    wanted = min(max_bars, max(20, math.isqrt(4 * values.size)))
    step = _round_step(spread / wanted)
    first = math.floor(low / step)
    count = max(1, math.floor(high / step) - first + 1)
    edges = (np.arange(count + 1) + first) * step
    # rounding can put a score slightly beyond the first or the last limit
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, count - 1)
    counts = np.bincount(places, minlength=count)
    return tuple(
        Bar(low=float(edges[i]), high=float(edges[i + 1]), count=int(counts[i]))
        for i in range(count)
    )


def _round_step(step: float) -> float:
    """The next 1, 2, 2.5, 5 or 10 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in _ROUND_STEPS if power * factor >= step * (1 - 1e-9))
