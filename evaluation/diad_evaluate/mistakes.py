"""The worst false alarms and misses, with thumbnails."""

import base64
import io
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from diad_deploy.arrays import BoolArray
from diad_deploy.detection.heatmap import draw_heatmap
from diad_deploy.labelled.labelled_image import LabelledImage
from diad_deploy.streaming.stream import Inspected

MAX_MISTAKES = 12
"""The most false alarms, and the most misses, on the page."""

THUMBNAIL_PX = 160
"""The longest side of a thumbnail."""

KINDS = ("input", "reconstruction", "heatmap", "mask")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """An image on the wrong side of its class's threshold.

    Attributes:
        image: the image.
        score: its score.
        threshold: the lowest score that counts as defective, where F1 of the class is highest.
        width, height: the displayed size of the thumbnails in pixels.
        thumbnails: JPEG data URIs by kind (`KINDS`); without `mask` if there is none.
    """

    image: LabelledImage
    score: float
    threshold: float
    width: int
    height: int
    thumbnails: dict[str, str]

    @property
    def margin(self) -> float:
        """The distance from the threshold."""
        return abs(self.score - self.threshold)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Candidate:
    """An image that may turn out to be a mistake, with its thumbnails by kind."""

    image: LabelledImage
    score: float
    images: dict[str, Image.Image]


class Candidates:
    """The good images with the highest and the defective ones with the lowest scores of a class."""

    def __init__(self, scale: tuple[float, float], limit: int = MAX_MISTAKES) -> None:
        self._scale = scale
        self._limit = limit
        self._good: list[tuple[float, str, _Candidate]] = []
        self._defective: list[tuple[float, str, _Candidate]] = []

    def add(self, image: LabelledImage, found: Inspected, mask: BoolArray | None) -> None:
        """Add an image if it is among the worst so far; only then are its thumbnails drawn."""
        score = found.detection.score
        ranked = self._defective if image.defective else self._good
        place = score if image.defective else -score
        if self._limit < 1 or (len(ranked) >= self._limit and place >= ranked[-1][0]):
            return
        images = draw_thumbnails(found, mask, self._scale)
        candidate = _Candidate(image=image, score=score, images=images)
        insort(ranked, (place, image.name, candidate), key=lambda entry: entry[:2])
        del ranked[self._limit :]

    def mistakes(self, threshold: float) -> tuple[list[Mistake], list[Mistake]]:
        """False alarms (good, at or above the threshold) and misses (defective, below it)."""
        good = [each for _, _, each in self._good if each.score >= threshold]
        defective = [each for _, _, each in self._defective if each.score < threshold]
        return (
            [_mistake(each, threshold) for each in good],
            [_mistake(each, threshold) for each in defective],
        )


def worst(mistakes: Iterable[Mistake], limit: int = MAX_MISTAKES) -> tuple[Mistake, ...]:
    """The mistakes furthest from their thresholds, furthest first."""
    return tuple(sorted(mistakes, key=lambda each: (-each.margin, each.image.name))[:limit])


def draw_thumbnails(
    found: Inspected, mask: BoolArray | None, scale: tuple[float, float]
) -> dict[str, Image.Image]:
    """The input, the reconstruction, the heatmap and the mask, all in the shape of the image."""
    photograph = Image.fromarray(found.pixels)
    photograph.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), reducing_gap=2.0)
    size, detection = photograph.size, found.detection
    anomaly_map = Image.fromarray(detection.anomaly_map).resize(size, Image.Resampling.BILINEAR)
    images = {
        "input": photograph,
        "reconstruction": Image.fromarray(detection.reconstruction_rgb()).resize(size),
        "heatmap": draw_heatmap(
            np.asarray(photograph), np.asarray(anomaly_map, dtype=np.float32), scale
        ),
    }
    if mask is not None and mask.any():
        marked = Image.fromarray(mask.astype(np.uint8) * 255)
        images["mask"] = marked.resize(size, Image.Resampling.NEAREST).convert("RGB")
    return images


def _mistake(candidate: _Candidate, threshold: float) -> Mistake:
    width, height = candidate.images["input"].size
    # small images are enlarged to the size of the others
    scale = THUMBNAIL_PX / max(width, height)
    return Mistake(
        image=candidate.image,
        score=candidate.score,
        threshold=threshold,
        width=max(1, round(width * scale)),
        height=max(1, round(height * scale)),
        thumbnails={kind: _data_uri(image) for kind, image in candidate.images.items()},
    )


def _data_uri(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
