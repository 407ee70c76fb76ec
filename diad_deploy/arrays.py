"""The array types that go through the runtime."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
"""Model input and everything the model computes."""

PictureArray = npt.NDArray[np.uint8]
"""A decoded picture, `[H, W, 3]` RGB."""

BoolArray = npt.NDArray[np.bool_]
"""Where something holds."""
