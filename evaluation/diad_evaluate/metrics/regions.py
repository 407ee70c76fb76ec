"""Connected regions of a mask, for the per-region overlap."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from diad_deploy.arrays import BoolArray

_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=np.bool_)


def region_shares(mask: BoolArray) -> tuple[npt.NDArray[np.float64], int]:
    """The share that each defective pixel has of its region, and the number of regions.

    Args:
        mask: bool `[S, S]`.

    Returns:
        The shares, float64 `[K]` for the K defective pixels in the order of `mask[mask]`: one over
        the area of the pixel's 8-connected region. The shares of a region sum to 1.
    """
    labels, count = ndimage.label(mask, structure=_EIGHT_NEIGHBOURS)
    own = labels[mask]
    areas = np.bincount(own, minlength=count + 1)
    return 1.0 / areas[own], int(count)
