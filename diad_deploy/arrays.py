"""Array types of the runtime."""

import numpy as np
import numpy.typing as npt

from diad_deploy.deprecated import deprecated_names

FloatArray = npt.NDArray[np.float32]
"""Model inputs and outputs."""

ImageArray = npt.NDArray[np.uint8]
"""A decoded image, `[H, W, 3]` RGB."""

BoolArray = npt.NDArray[np.bool_]
"""A mask."""

__getattr__ = deprecated_names(
    __name__, {"PictureArray": "diad_deploy.arrays:ImageArray:diad_deploy.arrays.ImageArray"}
)
