"""The colours of heatmaps: OpenCV's plasma, from dark blue over pink and orange to yellow.

Plasma grows evenly lighter, so the colours also rank in greyscale print and for colour-blind eyes.
"""

from functools import cache

import cv2
import numpy as np

from diad_deploy.arrays import ImageArray

LEVELS = 256

_CLEAR_BELOW = 0.1
_FULL_FROM = 0.7
_MAX_OPACITY = 0.82


@cache
def colour_table() -> ImageArray:
    """The colour of each level: uint8 `[256, 3]` sRGB."""
    levels = np.arange(LEVELS, dtype=np.uint8)
    bgr = cv2.applyColorMap(levels, cv2.COLORMAP_PLASMA).reshape(LEVELS, 3)
    table: ImageArray = np.ascontiguousarray(bgr[:, ::-1], dtype=np.uint8)
    return table


@cache
def opacity_table() -> ImageArray:
    """The opacity of each level's colour over the image, of 255: uint8 `[256]`.

    It is 0 at the low end of the scale, so that good parts look as they do in the image.
    """
    place = np.linspace(0.0, 1.0, LEVELS)
    risen = np.clip((place - _CLEAR_BELOW) / (_FULL_FROM - _CLEAR_BELOW), 0.0, 1.0)
    opacity = _MAX_OPACITY * risen * risen * (3.0 - 2.0 * risen)
    table: ImageArray = np.rint(opacity * 255.0).astype(np.uint8)
    return table
