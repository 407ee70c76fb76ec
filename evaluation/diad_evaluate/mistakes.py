"""The worst false alarms and misses, as small images."""

import base64
import io
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from diad_deploy.arrays import BoolArray
from diad_deploy.labelled.labelled_image import LabelledImage
from diad_deploy.report.heatmap import draw_heatmap
from diad_deploy.streaming.stream import Inspected

SHOWN = 12
"""Most false alarms, and most misses, that are shown."""

SIDE_PX = 160
"""Longest side of a small image."""

KINDS = ("input", "reconstruction", "heatmap", "mask")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """An image on the wrong side of its class's threshold.

    Attributes:
        image: what it is.
        score: the model's.
        threshold: the lowest score that is called defective: highest F1 of the class.
        width, height: in pixels, of the small images.
        thumbnails: JPEG data URIs of `KINDS`; no mask where there is none.
    """

    picture: LabelledImage
    score: float
    threshold: float
    width: int
    height: int
    thumbnails: dict[str, str]

    @property
    def margin(self) -> float:
        """How far on the wrong side."""
        return abs(self.score - self.threshold)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Candidate:
    """An image that may turn out to be a mistake: small images, by kind."""

    picture: LabelledImage
    score: float
    images: dict[str, Image.Image]


class Candidates:
    """The highest good and the lowest defective scores of a class, with their small images."""

    def __init__(self, scale: tuple[float, float], limit: int = SHOWN) -> None:
        self._scale = scale
        self._limit = limit
        self._good: list[tuple[float, str, _Candidate]] = []
        self._defective: list[tuple[float, str, _Candidate]] = []

    def offer(self, image: LabelledImage, found: Inspected, mask: BoolArray | None) -> None:
        """Keep it if it is among the worst so far; only then is anything drawn."""
        score = found.detection.score
        ranked = self._defective if image.defective else self._good
        place = score if image.defective else -score
        if self._limit < 1 or (len(ranked) >= self._limit and place >= ranked[-1][0]):
            return
        images = draw_small(found, mask, self._scale)
        candidate = _Candidate(picture=image, score=score, images=images)
        insort(ranked, (place, image.name, candidate), key=lambda entry: entry[:2])
        del ranked[self._limit :]

    def mistakes(self, threshold: float) -> tuple[list[Mistake], list[Mistake]]:
        """False alarms (good, at the threshold or above) and misses (defective, below)."""
        good = [each for _, _, each in self._good if each.score >= threshold]
        defective = [each for _, _, each in self._defective if each.score < threshold]
        return (
            [_mistake(each, threshold) for each in good],
            [_mistake(each, threshold) for each in defective],
        )


def worst(mistakes: Iterable[Mistake], limit: int = SHOWN) -> tuple[Mistake, ...]:
    """Those furthest on the wrong side, of all classes, furthest first."""
    return tuple(sorted(mistakes, key=lambda each: (-each.margin, each.picture.name))[:limit])


def draw_small(
    found: Inspected, mask: BoolArray | None, scale: tuple[float, float]
) -> dict[str, Image.Image]:
    """Input, reconstruction, heatmap and mask, all of one size and in the image's own shape."""
    photograph = Image.fromarray(found.pixels)
    photograph.thumbnail((SIDE_PX, SIDE_PX), reducing_gap=2.0)
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
    # small images are shown as large as the others
    shrink = SIDE_PX / max(width, height)
    return Mistake(
        picture=candidate.picture,
        score=candidate.score,
        threshold=threshold,
        width=max(1, round(width * shrink)),
        height=max(1, round(height * shrink)),
        thumbnails={kind: _data_uri(image) for kind, image in candidate.images.items()},
    )


def _data_uri(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
