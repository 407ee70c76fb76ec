"""The anomaly map in colour over its image, on a scale that is the same for all images."""

import numpy as np
from PIL import Image

from diad_deploy.arrays import FloatArray, ImageArray
from diad_deploy.report.colours import LEVELS, colour_table, opacity_table


def draw_heatmap(
    image: ImageArray, anomaly_map: FloatArray, scale: tuple[float, float]
) -> Image.Image:
    """Lay the map over the image.

    Args:
        image: uint8 `[H, W, 3]` RGB.
        anomaly_map: float32 `[H, W]`.
        scale: (low, high) in the map's units: what is drawn clear, and in the last colour.

    Returns:
        RGB image of the same size.
    """
    level = Image.fromarray(map_levels(anomaly_map, scale))
    cover = level.point(opacity_table().tolist())
    level.putpalette(colour_table().tobytes())
    return Image.composite(level.convert("RGB"), Image.fromarray(image), cover)


def map_levels(anomaly_map: FloatArray, scale: tuple[float, float]) -> ImageArray:
    """The level of the colour table at each point: uint8 of the map's shape."""
    low, high = scale
    unit = (anomaly_map - np.float32(low)) / np.float32(high - low)
    np.clip(unit, 0.0, 1.0, out=unit)
    unit *= LEVELS - 1
    levels: ImageArray = np.rint(unit, out=unit).astype(np.uint8)
    return levels
