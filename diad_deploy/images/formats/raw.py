"""Samples as stored in a file, for formats of which Pillow returns less."""

from contextlib import suppress
from typing import Any, BinaryIO

import cv2
import numpy as np

from diad_deploy.images.formats.samples import SampleArray


def decode_raw(file: BinaryIO) -> SampleArray | None:
    """Decode with OpenCV: `[H, W]` or `[H, W, 3]` RGB; None if it does not support the file.

    OpenCV applies the orientation of a TIFF, but not that of a PNG.
    """
    file.seek(0)
    values: Any = None
    with suppress(cv2.error):
        content = np.frombuffer(file.read(), np.uint8)
        values = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    if values is None or (values.ndim == 3 and values.shape[2] != 3):
        return None
    return np.ascontiguousarray(values if values.ndim == 2 else values[..., ::-1])
