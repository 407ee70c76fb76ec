"""Array types of the runtime."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
"""Model inputs and outputs."""

ImageArray = npt.NDArray[np.uint8]
"""A decoded image, `[H, W, 3]` RGB."""

BoolArray = npt.NDArray[np.bool_]
"""A mask."""
