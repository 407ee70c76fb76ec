"""The noise of a batch: the bundle's, shared by all images, or the caller's."""

import numpy as np
import numpy.typing as npt

from diad_deploy.arrays import FloatArray
from diad_deploy.errors import OptionError


def resolve_noise(
    name: str, given: npt.ArrayLike | None, stored: FloatArray, count: int
) -> FloatArray:
    """The noise to use: float32 `[C, h, w]`, or `[count, C, h, w]` with noise per image.

    Args:
        name: the caller's argument, for messages.
        given: the caller's noise, or None.
        stored: the bundle's noise, used if `given` is None.
        count: number of images.

    Raises:
        OptionError: `given` does not have such a shape, or contains no finite numbers.
    """
    if given is None:
        return stored
    one = stored.shape
    try:
        with np.errstate(over="ignore"):
            values = np.asarray(given, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{name}: expected an array of numbers, found {error}") from error
    if values.shape not in (one, (count, *one)):
        raise OptionError(
            f"{name}: expected {list(one)}, or {[count, *one]} for these {count} images, "
            f"found {list(values.shape)}"
        )
    if not np.isfinite(values).all():
        raise OptionError(f"{name}: expected finite float32 numbers, found NaN or infinity")
    return values


def slice_noise(noise: FloatArray, place: slice) -> FloatArray:
    """The noise of some of the images; shared noise is returned as it is."""
    return noise[place] if noise.ndim == 4 else noise


def broadcast_noise(noise: FloatArray, count: int) -> FloatArray:
    """The noise for `count` images: `[count, C, h, w]`."""
    one = noise if noise.ndim == 4 else noise[np.newaxis]
    return np.ascontiguousarray(np.broadcast_to(one, (count, *one.shape[1:])))
