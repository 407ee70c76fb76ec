"""A batch's arrays as one detection a picture."""

from collections.abc import Sequence

import numpy as np

from diad_deploy.backends.stages import BatchResult
from diad_deploy.detection import Detection
from diad_deploy.errors import BackendError
from diad_deploy.manifest import ImageSpec


def detections_of(
    result: BatchResult, sizes: Sequence[tuple[int, int]], image: ImageSpec
) -> list[Detection]:
    """One detection a picture, each with arrays of its own.

    Args:
        result: of the model.
        sizes: (height, width) in pixels of each picture.
        image: the model's input.

    Raises:
        BackendError: a score is not a number.
    """
    if not np.isfinite(result.image_score).all():
        raise BackendError(
            "the model gave a score that is not a number, so nothing can be said of the "
            "picture; build the bundle again at a higher precision"
        )
    # copies: one kept detection must not keep its whole batch in memory
    return [
        Detection(
            score=float(result.image_score[place]),
            anomaly_map=result.anomaly_map[place].copy(),
            reconstruction=result.reconstruction[place].copy(),
            picture_size_px=size,
            image=image,
        )
        for place, size in enumerate(sizes)
    ]
