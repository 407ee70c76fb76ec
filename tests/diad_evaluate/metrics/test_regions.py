"""Regions are joined over corners, and each counts once however large."""

import numpy as np
import pytest

from diad_evaluate.metrics.regions import region_shares


def test_shares_of_two_regions() -> None:
    mask = np.zeros((6, 6), dtype=bool)
    mask[0, 0] = mask[1, 1] = True  # one region: they meet at a corner
    mask[4, 3:6] = True
    shares, count = region_shares(mask)
    assert count == 2
    assert shares.tolist() == pytest.approx([1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 3])


def test_no_region() -> None:
    shares, count = region_shares(np.zeros((4, 4), dtype=bool))
    assert (shares.tolist(), count) == ([], 0)
