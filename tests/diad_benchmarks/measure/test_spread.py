"""Percentiles of known times."""

import pytest

from diad_benchmarks.measure.spread import spread_of
from diad_deploy.errors import OptionError


def test_percentiles() -> None:
    found = spread_of([0.001 * value for value in range(101)])
    assert found.count == 101
    assert (found.p50_ms, found.p90_ms, found.p99_ms) == pytest.approx((50, 90, 99))
    assert (found.fastest_ms, found.slowest_ms) == pytest.approx((0, 100))
    assert found.relative_iqr == pytest.approx((75 - 25) / 50)


def test_an_outlier_moves_the_99th_and_not_the_median() -> None:
    found = spread_of([0.2] * 9 + [2.0])
    assert found.p50_ms == pytest.approx(200)
    assert found.p99_ms > 1800
    assert found.samples_ms[-1] == pytest.approx(2000)


def test_nothing_has_no_spread() -> None:
    with pytest.raises(OptionError, match="at least one round"):
        spread_of([])
