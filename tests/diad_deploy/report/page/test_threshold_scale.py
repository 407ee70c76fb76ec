"""The slider's places: round numbers, and counts that are those of all scores."""

import random
from decimal import Decimal

import pytest

from diad_deploy.report.page.threshold_scale import passing, slider_values, threshold_scale
from diad_deploy.report.ranking import Group


@pytest.mark.parametrize(
    ("least", "most"),
    [(0.01, 1.37), (0.0, 1e-4), (3.0, 3.0), (-2.0, 7.5), (120.0, 98_000.0), (1e-9, 2e-9)],
)
def test_places_span_all_scores_and_are_round(least: float, most: float) -> None:
    scale = threshold_scale(least, most)
    thresholds = scale.thresholds()
    assert thresholds[0] < least
    assert thresholds[-1] >= most
    assert len(thresholds) == scale.count <= 403
    for place in range(0, scale.count, 17):
        exact = Decimal((scale.first + place) * scale.numerator) / Decimal(scale.denominator)
        assert thresholds[place] == float(exact)


def test_counts_are_those_of_counting() -> None:
    chance = random.Random(4)
    # six digits, as rows have them; many lie exactly on a place, which none of them passes
    scores = [float(f"{chance.random():.3g}") for _ in range(3000)]
    scale = threshold_scale(min(scores), max(scores))
    found = passing(scores, scale)
    for place, threshold in enumerate(scale.thresholds()):
        counted = sum(count for passed, count in found if passed > place)
        assert counted == sum(score > threshold for score in scores)


def test_values_hold_counts_and_no_scores() -> None:
    group = Group(name="gear")
    group.scores.extend(0.25 + n / 1e6 for n in range(100_000))
    values = slider_values([group, Group(name="empty")])
    assert values is not None
    [only] = values["groups"]
    assert sum(count for _, count in only["passing"]) == 100_000
    assert len(only["passing"]) <= 403
    assert only["threshold"] is None


def test_no_scores() -> None:
    assert slider_values([]) is None
