"""The colours of heatmaps, computed: violet over red to pale yellow, evenly growing lighter.

The path runs through OKLCH (Björn Ottosson, 2020), a space in which equal steps look equal, so
that the colours rank by lightness alone, in greyscale print and to colour-blind eyes too.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from diad_deploy.arrays import ImageArray

LEVELS = 256

_LIGHTNESS = (0.38, 0.97)
_HUE_DEGREES = (295.0, 463.0)
_CHROMA = 0.24
_CLEAR_BELOW = 0.1
_FULL_FROM = 0.7
_MAX_COVER = 0.82

_LMS_FROM_LAB = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_RGB_FROM_LMS = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


@cache
def colour_table() -> ImageArray:
    """The colour of each level: uint8 `[256, 3]` sRGB."""
    place = np.linspace(0.0, 1.0, LEVELS)
    lightness = np.interp(place, (0.0, 1.0), _LIGHTNESS)
    hue = np.radians(np.interp(place, (0.0, 1.0), _HUE_DEGREES))
    # where the screen has no such colour, the strongest of this hue and lightness that it has
    within, beyond = np.zeros(LEVELS), np.full(LEVELS, 2 * _CHROMA)
    for _ in range(24):
        middle = (within + beyond) / 2
        linear = _linear_rgb(lightness, middle, hue)
        shown = (linear >= 0.0).all(axis=1) & (linear <= 1.0).all(axis=1)
        within, beyond = np.where(shown, middle, within), np.where(shown, beyond, middle)
    chroma = np.minimum(within, _CHROMA)
    linear = np.clip(_linear_rgb(lightness, chroma, hue), 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    table: ImageArray = np.rint(encoded * 255.0).astype(np.uint8)
    return table


@cache
def cover_table() -> ImageArray:
    """How much of the photograph each level's colour covers, of 255: uint8 `[256]`.

    Nothing at the scale's low end, so that good parts stay the photograph they are.
    """
    place = np.linspace(0.0, 1.0, LEVELS)
    risen = np.clip((place - _CLEAR_BELOW) / (_FULL_FROM - _CLEAR_BELOW), 0.0, 1.0)
    cover = _MAX_COVER * risen * risen * (3.0 - 2.0 * risen)
    table: ImageArray = np.rint(cover * 255.0).astype(np.uint8)
    return table


def _linear_rgb(
    lightness: npt.NDArray[np.float64],
    chroma: npt.NDArray[np.float64],
    hue: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    rgb: npt.NDArray[np.float64] = (lab @ _LMS_FROM_LAB.T) ** 3 @ _RGB_FROM_LMS.T
    return rgb
