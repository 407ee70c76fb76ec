"""The anomaly map in colour over its image, on a scale that is the same for all images."""

import numpy as np
from PIL import Image

from diad_deploy.arrays import FloatArray, ImageArray
from diad_deploy.detection.colours import LEVELS, colour_table, opacity_table


def draw_heatmap(
    image: ImageArray, anomaly_map: FloatArray, scale: tuple[float, float]
) -> Image.Image:
    """Lay the map over the image.

    Args:
        image: uint8 `[H, W, 3]` RGB.
        anomaly_map: float32 `[H, W]`.
        scale: (low, high) in units of the map: up to `low` the image shows through, from `high`
            on the last colour covers it.

    Returns:
        RGB image of the same size.
    """
    level = Image.fromarray(map_levels(anomaly_map, scale))
    cover = level.point(opacity_table().tolist())
    level.putpalette(colour_table().tobytes())
    return Image.composite(level.convert("RGB"), Image.fromarray(image), cover)


def colour_map(anomaly_map: FloatArray, scale: tuple[float, float]) -> ImageArray:
    """The map in the colours of the scale, alone: uint8 `[H, W, 3]` RGB.

    Args:
        anomaly_map: float32 `[H, W]`.
        scale: (low, high) in units of the map: the first and the last colour.
    """
    return colour_table()[map_levels(anomaly_map, scale)]


def map_levels(anomaly_map: FloatArray, scale: tuple[float, float]) -> ImageArray:
    """The level of the colour table at each point: uint8 of the map's shape."""
    low, high = scale
    unit = (anomaly_map - np.float32(low)) / np.float32(high - low)
    np.clip(unit, 0.0, 1.0, out=unit)
    unit *= LEVELS - 1
    levels: ImageArray = np.rint(unit, out=unit).astype(np.uint8)
    return levels
