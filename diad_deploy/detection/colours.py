"""The colours of heatmaps: from violet over red and orange to pale yellow.

The palette grows evenly lighter, so the colours also rank in greyscale print and for colour-blind
eyes. Its colours were chosen in the OKLCH colour space (Björn Ottosson, 2020), where equal steps
look equal: lightness 0.38 to 0.97, hue 295 to 463 degrees, chroma 0.24 or what sRGB can show.
"""

from functools import cache

import numpy as np

from diad_deploy.arrays import ImageArray

LEVELS = 256

_PALETTE = {
    0: "#5100a2",
    20: "#7000a7",
    34: "#8600a6",
    55: "#a8009f",
    63: "#b4009b",
    85: "#d6008a",
    93: "#e10b83",
    115: "#fc286a",
    117: "#fe2b67",
    125: "#ff4561",
    132: "#ff575e",
    141: "#ff695b",
    154: "#ff7f5b",
    166: "#ff915e",
    178: "#ffa164",
    210: "#ffc87e",
    225: "#ffd98e",
    236: "#ffe59b",
    255: "#fff8b6",
}
"""The colours between which the table interpolates, by level."""
_CLEAR_BELOW = 0.1
_FULL_FROM = 0.7
_MAX_OPACITY = 0.82


@cache
def colour_table() -> ImageArray:
    """The colour of each level: uint8 `[256, 3]` sRGB."""
    colours = np.array([list(bytes.fromhex(colour[1:])) for colour in _PALETTE.values()])
    channels = [np.interp(np.arange(LEVELS), list(_PALETTE), channel) for channel in colours.T]
    table: ImageArray = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
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
