"""Regions of maps whose regions are known."""

import numpy as np
import pytest

from diad_deploy.errors import OptionError
from diad_deploy.regions import WORKING_PX, find_regions


def disc(side: int, x: float, y: float, radius: float, peak: float) -> np.ndarray:
    """A cone with its tip at (x, y)."""
    row, column = np.mgrid[:side, :side]
    away = np.hypot(column - x, row - y)
    return np.clip(peak * (1 - away / radius), 0, None).astype(np.float32)


def test_a_block_at_the_images_own_size_is_exact() -> None:
    block = np.zeros((64, 64), np.float32)
    block[10:15, 20:40] = 0.5
    block[12, 33] = 0.75
    (region,) = find_regions(block, (64, 64), 0.25)
    assert region.box == (20, 10, 20, 5)
    assert region.area_px == 100
    assert (region.peak, region.peak_xy) == (0.75, (33, 12))
    assert set(region.contour) == {(20, 10), (39, 10), (39, 14), (20, 14)}


def test_highest_peak_first_and_corners_touch() -> None:
    dots = np.zeros((32, 32), np.float32)
    dots[2, 2] = dots[3, 3] = 0.5
    dots[20, 9] = 0.9
    high, low = find_regions(dots, (32, 32), 0.1)
    assert (high.peak, high.area_px, high.box) == (0.9, 1, (9, 20, 1, 1))
    assert (low.area_px, low.box) == (2, (2, 2, 2, 2))


def test_a_region_in_the_hole_of_another_is_one_of_its_own() -> None:
    ring = np.zeros((64, 64), np.float32)
    ring[10:50, 10:50] = 0.5
    ring[15:45, 15:45] = 0.0
    ring[28:32, 28:32] = 0.4
    outer, inner = find_regions(ring, (64, 64), 0.1)
    assert (outer.box, outer.area_px) == ((10, 10, 40, 40), 1600 - 900)
    assert (inner.box, inner.area_px) == ((28, 28, 4, 4), 16)


@pytest.mark.parametrize("size", [(256, 256), (480, 640), (3000, 2000), (4000, 5000), (24, 16)])
def test_places_and_areas_are_in_the_images_pixels(size: tuple[int, int]) -> None:
    height, width = size
    (region,) = find_regions(disc(256, 160, 64, 50, 1.0), size, 0.5)
    x, y, box_width, box_height = region.box
    # the cone is above a half within 25 cells of its tip
    cell_x, cell_y = width / 256, height / 256
    slack = 2 * max(1.0, cell_x, cell_y)
    assert x == pytest.approx(135.5 * cell_x, abs=slack)
    assert y == pytest.approx(39.5 * cell_y, abs=slack)
    assert box_width == pytest.approx(50 * cell_x, abs=2 * slack)
    assert box_height == pytest.approx(50 * cell_y, abs=2 * slack)
    assert region.area_px == pytest.approx(np.pi * 25**2 * cell_x * cell_y, rel=0.08)
    assert region.peak_xy[0] == pytest.approx(160.5 * cell_x, abs=slack)
    assert region.peak_xy[1] == pytest.approx(64.5 * cell_y, abs=slack)
    assert 0.95 < region.peak <= 1.0
    for corner_x, corner_y in region.contour:
        assert x <= corner_x < x + box_width
        assert y <= corner_y < y + box_height


def test_nothing_leaves_the_image() -> None:
    full = np.ones((32, 32), np.float32)
    for height, width in ((1, 1), (7, 2), (32, 32), (999, 2049)):
        (region,) = find_regions(full, (height, width), 0.5)
        assert region.box == (0, 0, width, height)
        assert region.area_px == height * width
        assert all(0 <= x < width and 0 <= y < height for x, y in region.contour)


def test_a_peak_of_one_cell_is_not_lost_in_resizing() -> None:
    spike = np.zeros((32, 32), np.float32)
    spike[7, 20] = 1.0
    (region,) = find_regions(spike, (320, 323), 0.99)
    assert (region.box, region.peak) == ((201, 70, 11, 10), 1.0)


def test_exactly_the_bound_is_not_above_it() -> None:
    assert find_regions(np.full((8, 8), 0.5, np.float32), (8, 8), 0.5) == ()


def test_a_large_image_costs_no_more_than_the_working_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = []
    real = find_regions.__globals__["_working_map"]

    def watch(*given: object) -> np.ndarray:
        sizes.append(real(*given).shape)
        return real(*given)

    monkeypatch.setitem(find_regions.__globals__, "_working_map", watch)
    find_regions(disc(256, 100, 100, 50, 1.0), (4000, 5000), 0.5)
    find_regions(disc(256, 100, 100, 50, 1.0), (300, 3000), 0.5)
    assert sizes == [(819, WORKING_PX), (256, WORKING_PX)]


def test_a_map_with_nan_has_no_regions_to_speak_of() -> None:
    odd = np.zeros((8, 8), np.float32)
    odd[2, 2], odd[5, 5] = np.nan, 0.9
    with pytest.raises(OptionError, match=r"a map up to nan above 0\.5"):
        find_regions(odd, (8, 8), 0.5)
