"""Convert samples to uint8 RGB, as an image viewer shows them."""

import numpy as np
from PIL import Image

from diad_deploy.arrays import ImageArray
from diad_deploy.errors import ImageError
from diad_deploy.images.formats.samples import SIXTEEN_BIT_WHITE, SampleArray, Samples
from diad_deploy.images.formats.white_level import format_white

_WHITE = (255, 255, 255, 255)
_CHUNK_SAMPLES = 1 << 22


def check_visible(samples: Samples, *, path: str) -> None:
    """Raise `ImageError` if the image is fully transparent; `path` is for the message."""
    if samples.alpha is not None and not samples.alpha.any():
        raise ImageError(path, "the image is fully transparent; save it without transparency")


def to_rgb(samples: Samples, white: float | None, *, path: str) -> ImageArray:
    """Convert to uint8 `[H, W, 3]`, composited over white.

    Args:
        samples: the samples of an image.
        white: the value that is white; None for samples of up to 8 bits.
        path: for messages.

    Raises:
        ImageError: only the high bytes can be read, and white is not the largest value.
    """
    values = samples.values if white is None else _eight_bits(samples, white, path)
    if samples.alpha is not None:
        values = _over_white(values, samples.alpha)
    if values.ndim == 2:
        values = np.repeat(values[:, :, np.newaxis], 3, axis=2)
    return np.ascontiguousarray(values)


def scaled(values: SampleArray, white: float, *, zero_is_white: bool = False) -> ImageArray:
    """Scale to uint8 of the same shape: `white` becomes 255, or 0 if `zero_is_white`."""
    sixteen = values.dtype == np.uint16
    table = _scaled(np.arange(2**16), white, zero_is_white) if sixteen else None
    eight = np.empty(values.shape, np.uint8)
    # in chunks, since the float64 values of a large image would need too much memory
    rows = max(1, _CHUNK_SAMPLES // values[0].size)
    for start in range(0, len(values), rows):
        chunk = values[start : start + rows]
        done = _scaled(chunk, white, zero_is_white) if table is None else table[chunk]
        eight[start : start + rows] = done
    return eight


def _eight_bits(samples: Samples, white: float, path: str) -> ImageArray:
    if samples.are_high_bytes:
        if white != samples.white_of_type:
            raise ImageError(
                path,
                f"{samples.format} colours of more than 8 bits of which only the high bytes can "
                f"be read, which does not allow {format_white(white)}; save it as PNG without "
                f"transparency",
            )
        return samples.values
    if (
        samples.values.ndim == 3
        and samples.values.dtype == np.uint16
        and white == SIXTEEN_BIT_WHITE
    ):
        # as Pillow converts 16-bit colours
        return (samples.values >> 8).astype(np.uint8)
    return scaled(samples.values, white, zero_is_white=samples.zero_is_white)


def _scaled(values: SampleArray, white: float, zero_is_white: bool) -> ImageArray:
    if np.issubdtype(values.dtype, np.floating):
        values = np.nan_to_num(values, nan=white if zero_is_white else 0.0)
    unit = values.astype(np.float64) / white
    if zero_is_white:
        unit = 1.0 - unit
    eight: ImageArray = np.rint(np.clip(unit, 0.0, 1.0) * 255.0).astype(np.uint8)
    return eight


def _over_white(values: ImageArray, alpha: SampleArray) -> ImageArray:
    if values.ndim == 2:
        return np.where(alpha == 0, np.uint8(255), values)
    layer = Image.fromarray(np.dstack([values, alpha]))
    laid = Image.alpha_composite(Image.new("RGBA", layer.size, _WHITE), layer)
    return np.asarray(laid.convert("RGB"))
