"""The thresholds that the page's slider can take, and what each would decide, exactly.

All scores would make a long run's page slow, so for each place of the slider the page holds how
many scores pass it. A place is a whole number times a round step: written as a fraction of whole
numbers, it is the same float64 here and in the browser.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diad_deploy.report.ranking import Group

PLACES = 400
"""About how many places the slider has; the step is rounded up to 1, 2 or 5 of a power of ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdScale:
    """Places 0 to `count - 1`; place k is the threshold (first + k) · numerator / denominator.

    Attributes:
        first: the whole number of place 0, at or below the lowest score.
        count: how many places; no score passes the last.
        numerator, denominator: of the step; one of them is 1, 2 or 5, or a power of ten times it.
    """

    first: int
    count: int
    numerator: int
    denominator: int

    def thresholds(self) -> npt.NDArray[np.float64]:
        """The threshold at each place, float64 `[count]`."""
        whole = range(self.first, self.first + self.count)
        return np.array([place * self.numerator / self.denominator for place in whole])


def threshold_scale(least: float, most: float) -> ThresholdScale:
    """Places from a threshold that every score passes, or nearly, to one that none does."""
    spread = max(most - least, abs(most) * 1e-3, 1e-6)
    wanted = spread / PLACES
    power = math.floor(math.log10(wanted))
    factor = next((f for f in (1, 2, 5) if f * 10.0**power >= wanted), 10)
    numerator = factor * 10 ** max(power, 0)
    denominator = 10 ** max(-power, 0)
    first = math.ceil(least * denominator / numerator) - 1
    last = max(math.ceil(most * denominator / numerator), first + 1)
    return ThresholdScale(
        first=first, count=last - first + 1, numerator=numerator, denominator=denominator
    )


def passing(scores: Sequence[float], scale: ThresholdScale) -> list[tuple[int, int]]:
    """How many scores pass no place but the first k (k, count), where there are any.

    A score passes a threshold that it is above. So what passes place k is the sum of the counts
    of all numbers greater than k.
    """
    passed = np.searchsorted(scale.thresholds(), np.asarray(scores), side="left")
    places, counts = np.unique(passed, return_counts=True)
    return list(zip(places.tolist(), counts.tolist(), strict=True))


def slider_values(groups: Sequence[Group]) -> dict[str, Any] | None:
    """What the page's script needs, for JSON; None where there are no scores."""
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
