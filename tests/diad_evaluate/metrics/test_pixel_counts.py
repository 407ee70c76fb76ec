"""Counts are what counting every pixel gives, in however many chunks."""

from dataclasses import fields

import numpy as np
import pytest

from diad_evaluate.metrics.pixel_counts import PixelCounts, count_pixels, published_thresholds
from tests.diad_evaluate.random_maps import RandomClass, random_class


def small() -> RandomClass:
    maps = np.array([[[1, 2, 2], [3, 3, 5], [6, 0, 2]]], dtype=np.float32)
    masks = np.array([[[0, 1, 0], [0, 0, 0], [1, 0, 0]]], dtype=bool)
    return RandomClass(maps=maps, masks=masks)


def test_a_case_counted_by_hand() -> None:
    found = count_pixels(small().maps, small().masks)
    assert found.values.tolist() == [2, 6]
    assert found.defective.tolist() == [1, 1]
    assert found.equal.tolist() == [2, 0]
    assert found.below.tolist() == [2, 3, 0]
    assert found.overlap.tolist() == [0.5, 0.5]
    assert (found.regions, found.good) == (2, 7)


@pytest.mark.parametrize("levels", [None, 7])
def test_chunks_change_nothing(levels: int | None) -> None:
    each = random_class(3, levels=levels)
    whole = count_pixels(each.maps, each.masks)
    for chunk_px in (1, each.maps[0].size * 2, each.maps.size):
        parts = count_pixels(each.maps, each.masks, chunk_px=chunk_px)
        for field in fields(PixelCounts):
            assert np.array_equal(getattr(parts, field.name), getattr(whole, field.name))


def test_good_pixels_above_the_published_thresholds() -> None:
    each = random_class(4, levels=None)
    found = count_pixels(each.maps, each.masks)
    good = each.maps[~each.masks]
    assert len(found.thresholds) in (200, 201)
    assert found.thresholds[0] == each.maps.min()
    assert found.thresholds.dtype == np.float32
    wanted = [(good > threshold).sum() for threshold in found.thresholds]
    assert found.good_above.tolist() == wanted


def test_flat_maps_have_no_thresholds() -> None:
    assert published_thresholds(np.full((2, 4, 4), 0.5, np.float32)).size == 0
