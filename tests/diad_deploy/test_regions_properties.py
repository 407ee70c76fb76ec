"""What holds of the regions of any map: areas, places, symmetry, and the bound."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from diad_deploy.arrays import FloatArray
from diad_deploy.regions import Region, find_regions

SIDES = st.integers(1, 20)
LEVELS = st.integers(0, 8).map(lambda level: np.float32(level / 8))
MAPS = SIDES.flatmap(lambda side: npst.arrays(np.float32, (side, side), elements=LEVELS))
BOUNDS = st.integers(-1, 8).map(lambda level: level / 8)
SIZES = st.tuples(st.integers(1, 3000), st.integers(1, 3000))


def at_own_size(anomaly_map: FloatArray, above: float) -> tuple[Region, ...]:
    return find_regions(anomaly_map, anomaly_map.shape, above)


def facts(regions: tuple[Region, ...]) -> list[tuple[tuple[int, int, int, int], int, float]]:
    """What does not depend on which of several equal peaks or corners comes first."""
    return sorted((region.box, region.area_px, region.peak) for region in regions)


def holds(outer: Region, inner: Region) -> bool:
    (x, y, width, height), (left, top, w, h) = outer.box, inner.box
    return x <= left and y <= top and left + w <= x + width and top + h <= y + height


@given(MAPS, BOUNDS)
def test_the_areas_are_what_is_above_the_bound(anomaly_map: FloatArray, above: float) -> None:
    regions = at_own_size(anomaly_map, above)
    assert sum(region.area_px for region in regions) == (anomaly_map > above).sum()
    for region in regions:
        x, y, width, height = region.box
        block = anomaly_map[y : y + height, x : x + width]
        # the box is tight, and the peak is in it
        assert all(
            (edge > above).any() for edge in (block[0], block[-1], block[:, 0], block[:, -1])
        )
        assert anomaly_map[region.peak_xy[1], region.peak_xy[0]] == np.float32(region.peak)
        assert above < region.peak <= block.max()
    peaks = [region.peak for region in regions]
    assert peaks == sorted(peaks, reverse=True)
    assert not regions or peaks[0] == anomaly_map.max()


@given(MAPS, BOUNDS, SIZES)
def test_all_places_are_in_the_image(
    anomaly_map: FloatArray, above: float, size: tuple[int, int]
) -> None:
    height, width = size
    regions = find_regions(anomaly_map, size, above)
    assert bool(regions) == bool(anomaly_map.max() > above)
    for region in regions:
        x, y, box_width, box_height = region.box
        assert 0 <= x < x + box_width <= width
        assert 0 <= y < y + box_height <= height
        assert 1 <= region.area_px <= height * width
        for corner_x, corner_y in (*region.contour, region.peak_xy):
            assert x <= corner_x < x + box_width
            assert y <= corner_y < y + box_height


@given(MAPS, BOUNDS)
def test_a_turned_map_has_turned_regions(anomaly_map: FloatArray, above: float) -> None:
    side = len(anomaly_map)
    regions = facts(at_own_size(anomaly_map, above))
    mirrored = facts(at_own_size(np.ascontiguousarray(anomaly_map[:, ::-1]), above))
    assert mirrored == sorted(
        ((side - x - width, y, width, height), area, peak)
        for (x, y, width, height), area, peak in regions
    )
    transposed = facts(at_own_size(np.ascontiguousarray(anomaly_map.T), above))
    assert transposed == sorted(
        ((y, x, height, width), area, peak) for (x, y, width, height), area, peak in regions
    )


@given(MAPS, BOUNDS, BOUNDS)
def test_a_higher_bound_leaves_less(anomaly_map: FloatArray, one: float, other: float) -> None:
    low, high = sorted((one, other))
    wide, narrow = at_own_size(anomaly_map, low), at_own_size(anomaly_map, high)
    assert sum(region.area_px for region in narrow) <= sum(region.area_px for region in wide)
    assert all(any(holds(outer, inner) for outer in wide) for inner in narrow)
