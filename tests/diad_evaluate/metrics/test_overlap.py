"""AU-PRO against the slow way: every region, every threshold."""

import numpy as np
import pytest
from sklearn.metrics import auc

from diad_evaluate.metrics.overlap import exact_au_pro, overlap_curve, published_au_pro
from diad_evaluate.metrics.pixel_counts import count_pixels
from tests.diad_evaluate.random_maps import exact_curve, overlap_at, random_class

CASES = [(seed, levels) for seed in range(3) for levels in (None, 6, 40)]


@pytest.mark.parametrize(("seed", "levels"), CASES)
def test_the_published_rule(seed: int, levels: int | None) -> None:
    each = random_class(seed, levels=levels)
    least, most = each.maps.min(), each.maps.max()
    thresholds = np.arange(least, most, (most - least) / 200)
    points = np.array([overlap_at(each, threshold) for threshold in thresholds])
    points = points[points[:, 0] < 0.3]
    wanted = auc(points[:, 0] / points[:, 0].max(), points[:, 1])
    assert published_au_pro(count_pixels(each.maps, each.masks)) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(("seed", "levels"), CASES)
def test_the_exact_area(seed: int, levels: int | None) -> None:
    each = random_class(seed, levels=levels)
    rates, overlap = exact_curve(each)
    # fine steps over the straight lines between the curve's corners
    across = np.linspace(0.0, 0.3, 200_001)
    wanted = float(np.interp(across, rates, overlap).mean())
    assert exact_au_pro(count_pixels(each.maps, each.masks)) == pytest.approx(wanted, abs=2e-4)


@pytest.mark.parametrize("levels", [None, 6])
def test_the_curve_goes_through_every_threshold(levels: int | None) -> None:
    each = random_class(9, levels=levels)
    rates, overlap = overlap_curve(count_pixels(each.maps, each.masks))
    corners = set(zip(rates.round(9), overlap.round(9), strict=True))
    assert (rates[0], overlap[0]) == (0.0, 0.0)
    assert (rates[-1], overlap[-1]) == pytest.approx((1.0, 1.0))
    for value in np.unique(each.maps[each.masks]):
        at = tuple(np.round(overlap_at(each, value), 9))
        assert at in corners


def test_perfect_maps() -> None:
    each = random_class(5, levels=None)
    perfect = each.masks.astype(np.float32)
    assert exact_au_pro(count_pixels(perfect, each.masks)) == pytest.approx(1.0)


def test_where_the_published_rule_gives_nothing() -> None:
    each = random_class(5, levels=None)
    flat = np.full_like(each.maps, 0.25)
    assert published_au_pro(count_pixels(flat, each.masks)) is None
    # exact: one straight line from (0, 0) to (1, 1)
    assert exact_au_pro(count_pixels(flat, each.masks)) == pytest.approx(0.15)
    # no good pixel is above the least value at which any is: all rates that are kept are 0
    perfect = each.masks.astype(np.float32)
    assert published_au_pro(count_pixels(perfect, each.masks)) is None
