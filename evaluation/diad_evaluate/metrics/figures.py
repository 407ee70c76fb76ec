"""The seven metrics of the published evaluation for one class, and the exact AU-PRO.

Source: `utils/eval_helper.py` of the published code, metrics `max`, `apsp`, `f1sp`, `pixel`,
`appx`, `f1px`, `pro`. That code reports an AUROC below 0.5 as 1 minus its value; this one does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from diad_deploy.arrays import BoolArray, FloatArray
from diad_deploy.errors import EvaluationError
from diad_evaluate.metrics.overlap import exact_au_pro, published_au_pro
from diad_evaluate.metrics.pixel_counts import CHUNK_PX, PixelCounts, count_pixels

IMAGE_METRICS = ("image_auroc", "image_ap", "image_f1_max")
PIXEL_METRICS = ("pixel_auroc", "pixel_ap", "pixel_f1_max", "pixel_au_pro")
EXACT_AU_PRO = "pixel_au_pro_exact"
METRICS = (*IMAGE_METRICS, *PIXEL_METRICS, EXACT_AU_PRO)

Figures = dict[str, float]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranked:
    """Weighted scores for scikit-learn.

    Attributes:
        truth: `[M]`, 1 for defective.
        rank: `[M]`, higher for a higher score, equal for equal scores.
        weight: `[M]`, the number of images or pixels.
    """

    truth: npt.NDArray[np.int8]
    rank: Floats
    weight: Floats


def describe_metrics(names: Sequence[str]) -> str:
    """The names of metrics, with one name for all image metrics and one for all pixel metrics."""
    levels = {"image metrics": IMAGE_METRICS, "pixel metrics": (*PIXEL_METRICS, EXACT_AU_PRO)}
    complete = [title for title, level in levels.items() if set(level) <= set(names)]
    single = [name for name in names if not any(name in levels[title] for title in complete)]
    return ", ".join([*complete, *single])


def image_figures(defective: npt.ArrayLike, scores: npt.ArrayLike) -> Figures:
    """Image AUROC, AP and F1-max.

    Args:
        defective: the labels, bool `[N]`, with good and defective images.
        scores: `[N]`, higher for more anomalous.

    Raises:
        EvaluationError: all images have the same label, or a score is not finite.
    """
    ranked = rank_images(defective, scores)
    return dict(zip(IMAGE_METRICS, _areas(ranked), strict=True))


def rank_images(defective: npt.ArrayLike, scores: npt.ArrayLike) -> Ranked:
    """Images as `Ranked`. Raises the errors of `image_figures`."""
    truth = np.asarray(defective, dtype=np.int8)
    rank = np.asarray(scores, dtype=np.float64)
    _check_both_kinds(int(truth.sum()), int((1 - truth).sum()), "pictures")
    if not np.isfinite(rank).all():
        raise EvaluationError("scores: expected finite numbers, found others; run the model again")
    return Ranked(truth=truth, rank=rank, weight=np.ones(len(rank)))


def best_threshold(ranked: Ranked) -> float:
    """The lowest score that counts as defective, where F1 is highest."""
    precision, recall, thresholds = _precision_recall(ranked)
    return float(thresholds[int(np.argmax(_f1(precision, recall)[:-1]))])


def pixel_figures(
    maps: FloatArray, masks: BoolArray, *, chunk_px: int = CHUNK_PX
) -> tuple[Figures, PixelCounts]:
    """Pixel AUROC, AP, F1-max, and both AU-PROs, over all pixels of a class.

    Published AU-PRO is left out where the published rule does not define it.

    Args:
        maps: the anomaly maps, `[N, S, S]`.
        masks: the defective pixels, bool `[N, S, S]`.
        chunk_px: the most pixels to sort at once.

    Raises:
        EvaluationError: there are no defective or no good pixels, or a map value is not finite.
    """
    marked = int(masks.sum())
    _check_both_kinds(marked, masks.size - marked, "pixels")
    if not all(np.isfinite(anomaly_map).all() for anomaly_map in maps):
        raise EvaluationError("maps: expected finite numbers, found others; run the model again")
    counts = count_pixels(maps, masks, chunk_px=chunk_px)
    figures = dict(zip(PIXEL_METRICS[:3], _areas(rank_pixels(counts)), strict=True))
    published = published_au_pro(counts)
    if published is not None:
        figures["pixel_au_pro"] = published
    return {**figures, EXACT_AU_PRO: exact_au_pro(counts)}, counts


def rank_pixels(counts: PixelCounts) -> Ranked:
    """Pixels as `Ranked`. Good pixels with no defective pixel between them count as equal."""
    size = len(counts.values)
    at, between = 2.0 * np.arange(size) + 1.0, 2.0 * np.arange(size + 1)
    weight = np.concatenate([counts.defective, counts.equal, counts.below]).astype(np.float64)
    used = weight > 0
    truth = np.repeat(np.array([1, 0], dtype=np.int8), [size, 2 * size + 1])
    return Ranked(
        truth=truth[used],
        rank=np.concatenate([at, at, between])[used],
        weight=weight[used],
    )


def _areas(ranked: Ranked) -> tuple[float, float, float]:
    """AUROC, AP, F1-max."""
    truth, rank, weight = ranked.truth, ranked.rank, ranked.weight
    precision, recall, _ = _precision_recall(ranked)
    return (
        float(roc_auc_score(truth, rank, sample_weight=weight)),
        float(average_precision_score(truth, rank, sample_weight=weight)),
        float(_f1(precision, recall).max()),
    )


def _precision_recall(ranked: Ranked) -> tuple[Floats, Floats, Floats]:
    precision, recall, thresholds = precision_recall_curve(
        ranked.truth, ranked.rank, sample_weight=ranked.weight
    )
    return precision, recall, thresholds


def _f1(precision: Floats, recall: Floats) -> Floats:
    """F1, and 0 where precision and recall are both 0."""
    total = precision + recall
    return np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)


def _check_both_kinds(defective: int, good: int, what: str) -> None:
    if not defective or not good:
        raise EvaluationError(
            f"{what}: expected some good and some defective, found {good} good and {defective} "
            f"defective; the metrics are undefined"
        )
