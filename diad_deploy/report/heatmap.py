"""The anomaly map in colour over its picture, on a scale that is the same for all pictures."""

import numpy as np
from PIL import Image

from diad_deploy.arrays import FloatArray, PictureArray
from diad_deploy.report.colours import LEVELS, colour_table, cover_table


def draw_heatmap(
    picture: PictureArray, anomaly_map: FloatArray, scale: tuple[float, float]
) -> Image.Image:
    """Lay the map over the picture.

    Args:
        picture: uint8 `[H, W, 3]` RGB.
        anomaly_map: float32 `[H, W]`.
        scale: (low, high) in the map's units: what is drawn clear, and in the last colour.

    Returns:
        RGB picture of the same size.
    """
    level = Image.fromarray(map_levels(anomaly_map, scale))
    cover = level.point(cover_table().tolist())
    level.putpalette(colour_table().tobytes())
    return Image.composite(level.convert("RGB"), Image.fromarray(picture), cover)


def map_levels(anomaly_map: FloatArray, scale: tuple[float, float]) -> PictureArray:
    """The level of the colour table at each point: uint8 of the map's shape."""
    low, high = scale
    unit = (anomaly_map - np.float32(low)) / np.float32(high - low)
    np.clip(unit, 0.0, 1.0, out=unit)
    unit *= LEVELS - 1
    levels: PictureArray = np.rint(unit, out=unit).astype(np.uint8)
    return levels
