"""Bars over all scores."""

from itertools import pairwise

import numpy as np
import pytest

from diad_deploy.report.page.histogram import histogram


@pytest.mark.parametrize("count", [1, 2, 10, 1000])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.231, 0.2312), (-5, 3000), (1e-7, 2e-7)])
def test_every_score_is_in_one_bar(count: int, low: float, high: float) -> None:
    scores = np.random.default_rng(4).uniform(low, high, count)
    bars = histogram(scores)
    assert sum(bar.count for bar in bars) == count
    assert len(bars) <= 42
    assert bars[0].low <= scores.min()
    assert bars[-1].high >= scores.max() * (1 - 1e-12)
    for bar, following in pairwise(bars):
        assert bar.high == following.low
        inside = (scores >= bar.low) & (scores < bar.high)
        assert bar.count == inside.sum()


def test_limits_are_round() -> None:
    bars = histogram(np.linspace(0.013, 0.987, 500))
    assert bars[0].low == 0.0
    step = bars[0].high - bars[0].low
    assert step == pytest.approx(0.025)


def test_scores_that_are_all_alike() -> None:
    for score in (0.0, 0.5, 1e6):
        bars = histogram([score] * 3)
        assert sum(bar.count for bar in bars) == 3
        assert all(bar.low < bar.high for bar in bars)


def test_no_scores() -> None:
    assert histogram([]) == ()
