"""What the detector found on one picture."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from diad_deploy.arrays import FloatArray, PictureArray
from diad_deploy.manifest import ImageSpec


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detection:
    """Result for one picture.

    Attributes:
        score: the image score, the pooled maximum of the anomaly map; higher is more anomalous.
        anomaly_map: float32 `[S, S]`, in units of summed cosine distance.
        reconstruction: float32 `[3, S, S]` as the decoder gives it: normalised, not clamped.
        picture_size_px: (height, width) of the picture handed in.
        image: the model input's side and normalisation, from the manifest.
    """

    score: float
    anomaly_map: FloatArray
    reconstruction: FloatArray
    picture_size_px: tuple[int, int]
    image: ImageSpec

    def reconstruction_rgb(self) -> PictureArray:
        """The reconstruction as a picture: uint8 `[S, S, 3]` RGB, clamped."""
        mean = np.asarray(self.image.mean, dtype=np.float32)
        std = np.asarray(self.image.std, dtype=np.float32)
        unit = self.reconstruction.transpose(1, 2, 0) * std + mean
        rgb: PictureArray = np.rint(np.clip(unit, 0.0, 1.0) * 255.0).astype(np.uint8)
        return rgb

    def map_at_picture_size(self) -> FloatArray:
        """The anomaly map, bilinearly resized to the picture: float32 `[height, width]`."""
        height, width = self.picture_size_px
        resized = Image.fromarray(self.anomaly_map).resize(
            (width, height), Image.Resampling.BILINEAR
        )
        return np.asarray(resized, dtype=np.float32)
