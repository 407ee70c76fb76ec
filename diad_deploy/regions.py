"""Connected regions of an image in which the anomaly map is above a value.

They are found on the map resized to the image's size, reduced if its longer side exceeds
`WORKING_PX`: the map is smooth over several of its cells, so more pixels would not show more. If
the image is smaller than the map, the map is not resized.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from diad_deploy.arrays import FloatArray, ImageArray
from diad_deploy.errors import OptionError

WORKING_PX = 1024
"""Longest side of the map used to find regions, unless the model's own map is larger."""

_CONTOUR_TOLERANCE_PX = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """One connected region of an image (8-neighbours), in the image's own pixels.

    Attributes:
        contour: its outer edge as (x, y) corners, x to the right and y down, closed from the
            last to the first; accurate to one pixel of the map it was found on.
        box: (x, y, width, height) of the smallest upright rectangle around it.
        area_px: number of pixels of the image it covers.
        peak: the highest value of the anomaly map in it.
        peak_xy: (x, y) of that value's pixel.
    """

    contour: tuple[tuple[int, int], ...]
    box: tuple[int, int, int, int]
    area_px: int
    peak: float
    peak_xy: tuple[int, int]


def find_regions(
    anomaly_map: FloatArray, image_size_px: tuple[int, int], above: float
) -> tuple[Region, ...]:
    """The regions where the map is above a value, highest peak first.

    Args:
        anomaly_map: float32 `[S, S]`.
        image_size_px: (height, width) of the image.
        above: the value, in the map's units.

    Raises:
        OptionError: `above` or a value of the map is NaN.
    """
    highest = float(anomaly_map.max())
    if math.isnan(above) or math.isnan(highest):
        raise OptionError(f"regions of a map up to {highest:g} above {above:g}: expected numbers")
    # resizing only averages, so no value becomes higher
    if not highest > above:
        return ()
    height, width = image_size_px
    resized = _working_map(anomaly_map, height, width)
    if not resized.max() > above:
        # averaging lowered a peak of a few cells, which must not be lost
        resized = anomaly_map
    inside = (resized > above).astype(np.uint8)
    scale = (width / resized.shape[1], height / resized.shape[0])
    regions = _components(resized, inside, scale, (width, height))
    return tuple(sorted(regions, key=lambda region: (-region.peak, region.peak_xy)))


def _working_map(anomaly_map: FloatArray, height: int, width: int) -> FloatArray:
    side = anomaly_map.shape[0]
    shrink = min(1.0, WORKING_PX / max(height, width))
    size = (max(side, round(width * shrink)), max(side, round(height * shrink)))
    resized = Image.fromarray(anomaly_map).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.float32)


def _components(
    values: FloatArray, inside: ImageArray, scale: tuple[float, float], size: tuple[int, int]
) -> list[Region]:
    # here: a run without thresholds, and every --help, does without it
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    # two levels: a region in the hole of another is one of its own
    contours, levels = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    edges: dict[int, Any] = {}
    for contour, level in zip(contours, np.asarray(levels).reshape(-1, 4), strict=True):
        if level[3] < 0:  # no parent: an outer edge
            x, y = contour[0, 0]
            edges[int(labels[y, x])] = cv2.approxPolyDP(contour, _CONTOUR_TOLERANCE_PX, True)
    regions = []
    for label in range(1, count):
        left, top, width, height, area = (int(value) for value in stats[label])
        place = (slice(top, top + height), slice(left, left + width))
        own = np.where(labels[place] == label, values[place], -np.inf)
        row, column = np.unravel_index(int(own.argmax()), own.shape)
        peak_xy = _to_image(left + int(column), top + int(row), scale, size)
        points = [_to_image(int(x), int(y), scale, size) for x, y in edges[label][:, 0]]
        regions.append(
            Region(
                contour=tuple(dict.fromkeys(points)),
                box=_box_in_image(left, top, width, height, scale, size),
                area_px=max(1, round(area * scale[0] * scale[1])),
                peak=float(f"{own[row, column]:.6g}"),
                peak_xy=peak_xy,
            )
        )
    return regions


def _to_image(x: int, y: int, scale: tuple[float, float], size: tuple[int, int]) -> tuple[int, int]:
    """The image's pixel at the centre of a working pixel."""
    return (
        min(int((x + 0.5) * scale[0]), size[0] - 1),
        min(int((y + 0.5) * scale[1]), size[1] - 1),
    )


def _box_in_image(
    left: int,
    top: int,
    width: int,
    height: int,
    scale: tuple[float, float],
    size: tuple[int, int],
) -> tuple[int, int, int, int]:
    """All pixels that the box touches."""
    rounding = 1e-6
    x, y = int(left * scale[0] + rounding), int(top * scale[1] + rounding)
    right = min(size[0], int(np.ceil((left + width) * scale[0] - rounding)))
    bottom = min(size[1], int(np.ceil((top + height) * scale[1] - rounding)))
    return x, y, max(1, right - x), max(1, bottom - y)
