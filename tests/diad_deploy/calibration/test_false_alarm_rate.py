"""The threshold's rank, its expected rate and its interval, against SciPy and by experiment."""

import numpy as np
import pytest

from diad_deploy.calibration.false_alarm_rate import (
    beta_quantile,
    needed_images,
    reachable_rate,
    threshold_at,
)
from diad_deploy.errors import InputError, OptionError


def quantile(share: float, a: int, b: int) -> float:
    """SciPy's, of the beta distribution."""
    return pytest.importorskip("scipy.stats").beta.ppf(share, a, b)


@pytest.mark.parametrize("share", [0.001, 0.025, 0.5, 0.975])
@pytest.mark.parametrize(("a", "b"), [(1, 1), (1, 99), (3, 300), (50, 7), (500, 500), (9, 99_992)])
def test_quantiles_are_those_of_scipy(share: float, a: int, b: int) -> None:
    assert beta_quantile(share, a, b) == pytest.approx(quantile(share, a, b), rel=1e-7)


@pytest.mark.parametrize(
    ("count", "rate", "above"),
    [(99, 0.01, 0), (198, 0.01, 0), (199, 0.01, 1), (19, 0.05, 0), (300, 0.05, 14), (9, 0.3, 2)],
)
def test_the_expected_rate_is_the_highest_that_keeps_to_the_one_asked_for(
    count: int, rate: float, above: int
) -> None:
    values = np.random.default_rng(1).permutation(count).astype(float).tolist()
    threshold, found = threshold_at(values, rate)
    assert sum(value > threshold for value in values) == above
    assert found.expected == pytest.approx((above + 1) / (count + 1))
    assert found.expected <= rate + 1e-12 < (above + 2) / (count + 1) + 1e-12
    assert found.low == pytest.approx(quantile(0.025, above + 1, count - above), rel=1e-7)
    assert found.high == pytest.approx(quantile(0.975, above + 1, count - above), rel=1e-7)


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.05, 0.03, 0.01, 0.001])
def test_one_image_fewer_than_needed_is_refused(rate: float) -> None:
    needed = needed_images(rate)
    threshold_at(list(map(float, range(needed))), rate)
    with pytest.raises(InputError, match=rf"needs at least {needed}; add more, or use a rate of"):
        threshold_at(list(map(float, range(needed - 1))), rate)
    assert reachable_rate(needed) <= rate + 1e-12 < reachable_rate(needed - 1) + 1e-12


def test_rate_and_interval_hold_in_an_experiment() -> None:
    """2,000 lines with skewed scores, whose true rates are known: P(score > t) = exp(-t)."""
    rng = np.random.default_rng(4)
    true, inside = [], 0
    for _ in range(2000):
        threshold, found = threshold_at(rng.exponential(size=60).tolist(), 0.05)
        true.append(np.exp(-threshold))
        inside += found.low <= true[-1] <= found.high
    assert np.mean(true) == pytest.approx(3 / 61, abs=0.002)
    assert inside / 2000 == pytest.approx(0.95, abs=0.015)


def test_equal_scores_exceed_less_never_more() -> None:
    values = [0.1] * 50 + [0.2] * 50
    threshold, _ = threshold_at(values, 0.05)
    assert threshold == 0.2


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_rate_that_is_none(rate: float) -> None:
    with pytest.raises(OptionError, match="above 0 and below 1"):
        threshold_at([1.0], rate)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("place", [0, 50, 98])
def test_values_that_are_not_finite_set_no_threshold(odd: float, place: int) -> None:
    values = [float(value) for value in range(99)]
    values[place] = odd
    with pytest.raises(InputError, match=f"1 of 99 values .* the first is {odd:g}"):
        threshold_at(values, 0.01)
