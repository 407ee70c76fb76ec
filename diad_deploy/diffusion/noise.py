"""The noise of a batch: the bundle's, the same for all images, or what the caller gave."""

import numpy as np
import numpy.typing as npt

from diad_deploy.arrays import FloatArray
from diad_deploy.errors import OptionError


def resolve_noise(
    name: str, given: npt.ArrayLike | None, stored: FloatArray, count: int
) -> FloatArray:
    """`stored`, or `given` once checked: `[C, h, w]` or `[count, C, h, w]` float32.

    Raises:
        OptionError: `given`, which the message calls `name`, has another shape or no numbers.
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
        raise OptionError(f"{name}: expected finite float32 numbers, found others")
    return values


def part_of(noise: FloatArray, place: slice) -> FloatArray:
    """The noise of some images, where each has its own."""
    return noise[place] if noise.ndim == 4 else noise


def for_batch(noise: FloatArray, count: int) -> FloatArray:
    """Noise for `count` images: `[count, C, h, w]`."""
    one = noise if noise.ndim == 4 else noise[np.newaxis]
    return np.ascontiguousarray(np.broadcast_to(one, (count, *one.shape[1:])))
