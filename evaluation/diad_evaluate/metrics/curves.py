"""ROC, precision-recall and overlap curves, reduced for drawing."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import precision_recall_curve, roc_curve

from diad_evaluate.metrics.figures import Ranked, rank_pixels
from diad_evaluate.metrics.overlap import overlap_curve
from diad_evaluate.metrics.pixel_counts import PixelCounts

POINTS = 200

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Curves as (x, y) from left to right; empty if undefined.

    Attributes:
        image_roc, pixel_roc: true-positive rate over false-positive rate.
        image_pr, pixel_pr: precision over recall.
        pixel_pro: per-region overlap over false-positive rate.
    """

    image_roc: Points = ()
    image_pr: Points = ()
    pixel_roc: Points = ()
    pixel_pr: Points = ()
    pixel_pro: Points = ()


def draw_curves(images: Ranked | None, pixels: PixelCounts | None) -> Curves:
    """The curves of one class, for the metrics that are defined."""
    image_roc, image_pr = _roc_and_pr(images) if images else ((), ())
    if pixels is None:
        return Curves(image_roc=image_roc, image_pr=image_pr)
    pixel_roc, pixel_pr = _roc_and_pr(rank_pixels(pixels))
    return Curves(
        image_roc=image_roc,
        image_pr=image_pr,
        pixel_roc=pixel_roc,
        pixel_pr=pixel_pr,
        pixel_pro=thin(*overlap_curve(pixels)),
    )


def thin(x: npt.ArrayLike, y: npt.ArrayLike, points: int = POINTS) -> Points:
    """At most `points` corners of a curve, evenly spaced along its length, with both ends."""
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    length = np.append(0.0, np.cumsum(np.abs(np.diff(xs)) + np.abs(np.diff(ys))))
    places = np.unique(np.searchsorted(length, np.linspace(0.0, length[-1], points)))
    return tuple(zip(xs[places].tolist(), ys[places].tolist(), strict=True))


def _roc_and_pr(ranked: Ranked) -> tuple[Points, Points]:
    truth, rank, weight = ranked.truth, ranked.rank, ranked.weight
    false_rate, true_rate, _ = roc_curve(truth, rank, sample_weight=weight)
    precision, recall, _ = precision_recall_curve(truth, rank, sample_weight=weight)
    return thin(false_rate, true_rate), thin(recall[::-1], precision[::-1])
