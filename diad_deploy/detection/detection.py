"""The result for one image."""

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from PIL import Image

from diad_deploy.arrays import FloatArray, ImageArray
from diad_deploy.bundle.manifest import ImageSpec
from diad_deploy.deprecated import deprecated_attribute
from diad_deploy.detection.annotations import AnnotatedImage, to_coco, to_label_studio
from diad_deploy.detection.heatmap import colour_map, draw_heatmap
from diad_deploy.detection.notebook import detection_html
from diad_deploy.errors import OptionError, OutputError
from diad_deploy.images.inputs import decode
from diad_deploy.images.reader import ImageReader
from diad_deploy.regions import Region, find_regions

Decision = Literal["good", "defect"]


def rounded_score(score: float) -> float:
    """Six significant digits, below any backend's own rounding: what rows hold and decide by."""
    return float(f"{score:.6g}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detection:
    """The result for one image.

    It holds no pixels of the image, so that the results of many large images fit in memory; what
    draws over the image (`overlay`, `save`) is given the image.

    Attributes:
        score: the image score, the pooled maximum of the anomaly map; higher is more anomalous.
        anomaly_map: float32 `[S, S]`, in units of summed cosine distance.
        reconstruction: float32 `[3, S, S]` as the decoder returns it: normalised, not clamped.
        image_size_px: (height, width) of the image in pixels.
        image: side and normalisation of the model input, from the manifest.
        class_name: the class of the image, where it was given or has a threshold of its own.
        threshold: the score above which the image is defective; None where none was given.
        pixel_threshold: the value of the map above which a region stands out; None likewise.
        path: the file that the image was read from; None for an array.
        scale: (low, high) of heatmaps in units of the anomaly map, from the manifest.

    Raises:
        OptionError: the score or a threshold is NaN or infinite. Compared with NaN, every image
            would be good.
    """

    score: float
    anomaly_map: FloatArray
    reconstruction: FloatArray
    image_size_px: tuple[int, int]
    image: ImageSpec
    class_name: str | None = None
    threshold: float | None = None
    pixel_threshold: float | None = None
    path: Path | None = None
    scale: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        for name in ("score", "threshold", "pixel_threshold"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise OptionError(f"{name} {value:g}: expected a finite number")

    @property
    def margin(self) -> float | None:
        """Score minus threshold, both of six significant digits; None without a threshold."""
        if self.threshold is None:
            return None
        return rounded_score(rounded_score(self.score) - self.threshold)

    @property
    def decision(self) -> Decision | None:
        """`defect` if the score, of six digits, is above the threshold, else `good`.

        None without a threshold.
        """
        if self.threshold is None:
            return None
        return "defect" if rounded_score(self.score) > self.threshold else "good"

    def regions(self, above: float | None = None) -> tuple[Region, ...]:
        """The regions where the anomaly map stands out, highest peak first.

        Coordinates are pixels of the image, x to the right and y down.

        Args:
            above: the bound of a region, in units of the anomaly map. None takes the pixel
                threshold, or, on a defective image that nowhere exceeds it, the threshold of the
                score: the score is an average of the map, so some of the map is above that.

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
        """A copy with these thresholds; the arrays are shared.

        Args:
            threshold: the score above which the image is defective.
            pixel_threshold: the value of the map above which a region stands out.
            class_name: the class of the image.

        Raises:
            OptionError: a threshold is NaN or infinite.
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

    def heatmap(self, *, at_image_size: bool = True) -> ImageArray:
        """The anomaly map in the report's colours, on the bundle's scale.

        Args:
            at_image_size: resize the map to the image; False keeps the size of the map.

        Returns:
            uint8 `[height, width, 3]` RGB, or `[S, S, 3]`.
        """
        values = self.map_at_image_size() if at_image_size else self.anomaly_map
        return colour_map(values, self.scale)

    def overlay(self, image: ImageArray | str | os.PathLike[str]) -> ImageArray:
        """The heatmap over the image, as the report draws it.

        Args:
            image: the image of this detection: uint8 `[height, width, 3]` RGB, or its file. A
                file is read with its own white level: pass pixels where a bit depth was given.

        Returns:
            uint8 `[height, width, 3]` RGB.

        Raises:
            InputError: an array is not an image. ImageError: the file cannot be read.
            OptionError: the image has another size than the one that was inspected.
        """
        pixels = decode(image, ImageReader())
        if pixels.shape[:2] != tuple(self.image_size_px):
            height, width = self.image_size_px
            raise OptionError(
                f"image: expected the inspected image of {width} x {height} px, found "
                f"{pixels.shape[1]} x {pixels.shape[0]} px; pass the image of this detection"
            )
        return np.asarray(draw_heatmap(pixels, self.map_at_image_size(), self.scale))

    def save(
        self,
        path: str | os.PathLike[str],
        image: ImageArray | str | os.PathLike[str] | None = None,
    ) -> None:
        """Write the heatmap to a file, over the image where it is given.

        Args:
            path: the file to write; its suffix chooses the format, such as `.png`.
            image: as for `overlay`; None draws the anomaly map alone.

        Raises:
            OptionError: the suffix names no image format, or as for `overlay`.
            InputError, ImageError: as for `overlay`. OutputError: the file cannot be written.
        """
        drawn = Image.fromarray(self.heatmap() if image is None else self.overlay(image))
        try:
            drawn.save(path)
        except ValueError as error:
            raise OptionError(
                f"{path}: expected a file of an image format, such as heatmap.png ({error})"
            ) from error
        except OSError as error:
            raise OutputError(
                f"{path}: cannot be written: {error.strerror or error}; check the folder"
            ) from error

    def annotated(self, file_name: str | None = None, above: float | None = None) -> AnnotatedImage:
        """Size, score and regions, for `to_coco` and `to_label_studio`.

        Args:
            file_name: the name of the image in the annotations; None takes its path.
            above: as for `regions`.

        Raises:
            OptionError: as for `regions`, or an array without a `file_name`.
        """
        if file_name is None and self.path is None:
            raise OptionError(
                "file_name: the image was an array, so there is no name for it in the "
                "annotations; give one"
            )
        height, width = self.image_size_px
        return AnnotatedImage(
            file_name=str(self.path.as_posix() if file_name is None and self.path else file_name),
            width=width,
            height=height,
            score=rounded_score(self.score),
            regions=self.regions(above),
        )

    def to_coco(
        self, file_name: str | None = None, *, above: float | None = None
    ) -> dict[str, Any]:
        """The regions as a COCO dataset of one image; `diad_deploy.to_coco` takes many.

        Args and errors are those of `annotated`.
        """
        return to_coco([self.annotated(file_name, above)])

    def to_label_studio(
        self, file_name: str | None = None, *, above: float | None = None
    ) -> dict[str, Any]:
        """The regions as a Label Studio task; `diad_deploy.to_label_studio` takes many.

        Args and errors are those of `annotated`.
        """
        [task] = to_label_studio([self.annotated(file_name, above)])
        return task

    def _repr_html_(self) -> str:
        return detection_html(
            score=rounded_score(self.score),
            decision=self.decision,
            threshold=self.threshold,
            name=None if self.path is None else self.path.name,
            class_name=self.class_name,
            image_size_px=self.image_size_px,
            images={
                "reconstruction": self.reconstruction_rgb(),
                "anomaly map": self.heatmap(at_image_size=False),
            },
        )

    picture_size_px = deprecated_attribute("image_size_px")
    map_at_picture_size = deprecated_attribute("map_at_image_size")
