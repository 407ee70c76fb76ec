"""Curves for drawing: thin, and the same area."""

import numpy as np
import pytest
from sklearn.metrics import auc

from diad_evaluate.metrics.curves import POINTS, Curves, draw_curves, thin
from diad_evaluate.metrics.figures import pixel_figures, rank_images
from tests.diad_evaluate.random_maps import random_class


def test_thinning_keeps_ends_and_shape() -> None:
    x = np.linspace(0, 1, 10_000)
    points = thin(x, np.sqrt(x))
    assert len(points) <= POINTS
    assert points[0] == (0.0, 0.0)
    assert points[-1] == (1.0, 1.0)
    across, up = zip(*points, strict=True)
    assert auc(across, up) == pytest.approx(2 / 3, abs=1e-3)


def test_the_areas_are_the_figures() -> None:
    each = random_class(2, levels=None)
    figures, counts = pixel_figures(each.maps, each.masks)
    curves = draw_curves(rank_images([False, True, True], [0.1, 0.2, 0.05]), counts)
    assert auc(*zip(*curves.pixel_roc, strict=True)) == pytest.approx(
        figures["pixel_auroc"], abs=0.01
    )
    assert auc(*zip(*curves.image_roc, strict=True)) == pytest.approx(0.5)
    assert curves.image_pr[0][0] == 0.0
    assert curves.image_pr[-1][0] == 1.0
    assert curves.pixel_pro[-1] == pytest.approx((1.0, 1.0))


def test_what_is_undefined_is_empty() -> None:
    assert draw_curves(None, None) == Curves()
