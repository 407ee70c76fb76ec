"""Reads the regions in a row of `results.jsonl`."""

from typing import Any

from diad_deploy.regions import Region


def regions_from_json(values: Any) -> tuple[Region, ...] | None:
    """The regions of a row's `regions`; None for None.

    Raises:
        TypeError, ValueError, KeyError: the values are not regions.
    """
    if values is None:
        return None
    if not isinstance(values, list):
        raise TypeError("regions")
    return tuple(_region(**value) for value in values)


def _region(*, contour: Any, box: Any, area_px: Any, peak: Any, peak_xy: Any) -> Region:
    x, y, width, height = map(int, box)
    peak_x, peak_y = map(int, peak_xy)
    return Region(
        contour=tuple((int(left), int(top)) for left, top in contour),
        box=(x, y, width, height),
        area_px=int(area_px),
        peak=float(peak),
        peak_xy=(peak_x, peak_y),
    )
