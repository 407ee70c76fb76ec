"""What the detector found on one image."""

import math
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from PIL import Image

from diad_deploy.arrays import FloatArray, ImageArray
from diad_deploy.bundle.manifest import ImageSpec
from diad_deploy.errors import OptionError
from diad_deploy.regions import Region, find_regions

Decision = Literal["good", "defect"]


def rounded_score(score: float) -> float:
    """Six significant digits, below any backend's own rounding: what rows hold and decide by."""
    return float(f"{score:.6g}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detection:
    """Result for one image.

    Raises:
        OptionError: score or threshold are NaN or infinite, by which it would pass for good.

    Attributes:
        score: the image score, the pooled maximum of the anomaly map; higher is more anomalous.
        anomaly_map: float32 `[S, S]`, in units of summed cosine distance.
        reconstruction: float32 `[3, S, S]` as the decoder gives it: normalised, not clamped.
        image_size_px: (height, width) of the image handed in.
        image: the model input's side and normalisation, from the manifest.
        class_name: the image's class, where it was given, or has a threshold of its own.
        threshold: the score above which the image is defective; None where none was given.
        pixel_threshold: the map's value above which a region stands out; None likewise.
    """

    score: float
    anomaly_map: FloatArray
    reconstruction: FloatArray
    image_size_px: tuple[int, int]
    image: ImageSpec
    class_name: str | None = None
    threshold: float | None = None
    pixel_threshold: float | None = None

    def __post_init__(self) -> None:
        for name in ("score", "threshold", "pixel_threshold"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise OptionError(f"{name} {value:g}: expected a finite number")

    @property
    def margin(self) -> float | None:
        """Score minus threshold, in the score's units, of six digits each."""
        if self.threshold is None:
            return None
        return rounded_score(rounded_score(self.score) - self.threshold)

    @property
    def decision(self) -> Decision | None:
        """`defect` where the score, of six digits, is above the threshold; None without one."""
        if self.threshold is None:
            return None
        return "defect" if rounded_score(self.score) > self.threshold else "good"

    def regions(self, above: float | None = None) -> tuple[Region, ...]:
        """Where the anomaly map stands out, highest peak first, in the image's pixels.

        Args:
            above: what bounds a region, in the map's units. None takes the pixel threshold, or,
                on a defective image that nowhere exceeds it, the threshold of the score: the
                score is an average of the map, so some of the map is above that.

        Raises:
            OptionError: neither a threshold nor `above`, or `above` is NaN.
        """
        if above is None:
            above = self.pixel_threshold if self.pixel_threshold is not None else self.threshold
            if above is None:
                raise OptionError(
                    "regions: no threshold to bound them; give `above`, or set one with "
                    "`diad-calibrate`"
                )
            nowhere = not self.anomaly_map.max() > above
            if nowhere and self.decision == "defect" and self.threshold is not None:
                above = self.threshold
        return find_regions(self.anomaly_map, self.image_size_px, above)

    def decided_by(
        self, threshold: float, pixel_threshold: float, *, class_name: str | None = None
    ) -> Self:
        """The same with these thresholds.

        Raises:
            OptionError: one is NaN or infinite.
        """
        return replace(
            self, threshold=threshold, pixel_threshold=pixel_threshold, class_name=class_name
        )

    def reconstruction_rgb(self) -> ImageArray:
        """The reconstruction as an image: uint8 `[S, S, 3]` RGB, clamped."""
        mean = np.asarray(self.image.mean, dtype=np.float32)
        std = np.asarray(self.image.std, dtype=np.float32)
        unit = self.reconstruction.transpose(1, 2, 0) * std + mean
        rgb: ImageArray = np.rint(np.clip(unit, 0.0, 1.0) * 255.0).astype(np.uint8)
        return rgb

    def map_at_image_size(self) -> FloatArray:
        """The anomaly map, bilinearly resized to the image: float32 `[height, width]`."""
        height, width = self.image_size_px
        resized = Image.fromarray(self.anomaly_map).resize(
            (width, height), Image.Resampling.BILINEAR
        )
        return np.asarray(resized, dtype=np.float32)
