"""A stand-in for the model in a soak: what is measured is everything around it."""

from collections.abc import Callable, Sequence

import numpy as np

from diad_deploy.arrays import FloatArray
from diad_deploy.bundle.folder import Bundle, builtin_bundle
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.detection import Detection
from diad_deploy.detection.batch import Found


class StandinDetector:
    """Gives at once a map that is the image's red, and its mean as the score."""

    backend = "stand-in"
    backend_reason = "the model is not what is measured"
    batch_size = 8
    devices = ("cpu",)
    max_pending = 1

    def __init__(self) -> None:
        self.manifest: Manifest = Bundle.open(builtin_bundle()).manifest

    def submit_each(
        self, batch: FloatArray, image_sizes: Sequence[tuple[int, int]]
    ) -> Callable[[], list[Found]]:
        """Detections of a batch `[B, 3, S, S]`."""
        image = self.manifest.image
        red = batch[:, 0] * np.float32(image.std[0]) + np.float32(image.mean[0])
        found: list[Found] = [
            Detection(
                score=float(red[place].mean()),
                anomaly_map=red[place],
                reconstruction=batch[place],
                image_size_px=size,
                image=image,
            )
            for place, size in enumerate(image_sizes)
        ]
        return lambda: found
