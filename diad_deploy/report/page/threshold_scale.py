"""The thresholds of the page's slider, and the exact number of defective images at each.

The scores of a long run would make its page slow, so the page has only the number of scores above
each position of the slider. A position is an integer times a round step. As the step is a fraction
of integers, the threshold is the same float64 in Python and in the browser.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diad_deploy.report.ranking import Group

PLACES = 400
"""The approximate number of positions; the step is rounded up to 1, 2 or 5 times a power of ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdScale:
    """The thresholds (first + k) · numerator / denominator at the positions k from 0 to count - 1.

    Attributes:
        first: the integer of position 0, whose threshold is at or below the lowest score.
        count: the number of positions; no score is above the last.
        numerator, denominator: the step as a fraction of integers.
    """

    first: int
    count: int
    numerator: int
    denominator: int

    def thresholds(self) -> npt.NDArray[np.float64]:
        """The threshold at each position, float64 `[count]`."""
        steps = range(self.first, self.first + self.count)
        return np.array([step * self.numerator / self.denominator for step in steps])


def threshold_scale(lowest: float, highest: float) -> ThresholdScale:
    """The scale from about the lowest score to a threshold that no score is above."""
    spread = max(highest - lowest, abs(highest) * 1e-3, 1e-6)
    wanted = spread / PLACES
    power = math.floor(math.log10(wanted))
    factor = next((f for f in (1, 2, 5) if f * 10.0**power >= wanted), 10)
    numerator = factor * 10 ** max(power, 0)
    denominator = 10 ** max(-power, 0)
    first = math.ceil(lowest * denominator / numerator) - 1
    last = max(math.ceil(highest * denominator / numerator), first + 1)
    return ThresholdScale(
        first=first, count=last - first + 1, numerator=numerator, denominator=denominator
    )


def passing(scores: Sequence[float], scale: ThresholdScale) -> list[tuple[int, int]]:
    """Pairs (k, count): `count` scores are above exactly the first k thresholds of the scale.

    The number of scores above the threshold at position k is the sum of the counts of all pairs
    whose first number is greater than k.
    """
    passed = np.searchsorted(scale.thresholds(), np.asarray(scores), side="left")
    places, counts = np.unique(passed, return_counts=True)
    return list(zip(places.tolist(), counts.tolist(), strict=True))


def slider_values(groups: Sequence[Group]) -> dict[str, Any] | None:
    """The values for the script of the page, as JSON; None without scores."""
    filled = [group for group in groups if group.scores]
    if not filled:
        return None
    scale = threshold_scale(
        min(min(group.scores) for group in filled), max(max(group.scores) for group in filled)
    )
    return {
        "first": scale.first,
        "count": scale.count,
        "numerator": scale.numerator,
        "denominator": scale.denominator,
        "groups": [
            {
                "name": group.name,
                "threshold": min(group.thresholds) if len(group.thresholds) == 1 else None,
                "decided": group.decided,
                "defects": group.defects,
                "passing": passing(group.scores, scale),
            }
            for group in filled
        ],
    }
