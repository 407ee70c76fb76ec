"""How far the maps, scores and decisions of two runs on the same images agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import precision_recall_curve, roc_auc_score

from diad_deploy.arrays import FloatArray
from diad_export.verify.result import Agreement

GOOD_PERCENTILE = 95

Masks = Sequence[npt.NDArray[np.bool_] | None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """Labels and masks of the images.

    Attributes:
        names: one per image.
        defective: one per image; None for an image without a label.
        masks: bool `[S, S]`, one per image; None for an image without a usable mask.
    """

    names: tuple[str, ...]
    defective: tuple[bool | None, ...]
    masks: Masks

    def image_auroc(self, scores: FloatArray) -> float | None:
        """Image AUROC of scores `[N]`; None unless both good and defective images are labelled."""
        known = [index for index, label in enumerate(self.defective) if label is not None]
        labels = [bool(self.defective[index]) for index in known]
        if len(set(labels)) < 2:
            return None
        return float(roc_auc_score(labels, np.nan_to_num(scores[known])))

    def pixel_auroc(self, maps: FloatArray) -> float | None:
        """Pixel AUROC of maps `[N, S, S]` over images with masks; None without defective pixels."""
        known = [index for index, mask in enumerate(self.masks) if mask is not None]
        marked = [mask for mask in self.masks if mask is not None]
        if not marked or not 0 < np.mean([mask.mean() for mask in marked]) < 1:
            return None
        truth = np.concatenate([mask.ravel() for mask in marked])
        return float(roc_auc_score(truth, np.nan_to_num(maps[known]).ravel()))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """The results of a run: maps `[N, S, S]` and scores `[N]`."""

    maps: FloatArray
    scores: FloatArray


def compare_outcomes(want: Outcome, got: Outcome, truth: Truth, threshold: float) -> Agreement:
    """How far `got` agrees with `want`, with decisions at `threshold`."""
    correlations = [_correlation(a, b) for a, b in zip(want.maps, got.maps, strict=True)]
    differences = np.abs(got.scores.astype(np.float64) - want.scores)
    flips = (want.scores > threshold) != (got.scores > threshold)
    return Agreement(
        least_correlation=float(np.min(correlations)),
        median_correlation=float(np.median(correlations)),
        largest_difference=float(np.max(differences)),
        mean_difference=float(np.mean(differences)),
        flipped=tuple(name for name, flip in zip(truth.names, flips, strict=True) if flip),
        image_auroc_change=_change(truth.image_auroc(want.scores), truth.image_auroc(got.scores)),
        pixel_auroc_change=_change(truth.pixel_auroc(want.maps), truth.pixel_auroc(got.maps)),
    )


def choose_threshold(given: float | None, scores: FloatArray, truth: Truth) -> tuple[float, str]:
    """The threshold, and a description of its origin.

    It is `given`; else the one with the highest F1, if both good and defective images are labelled;
    else the 95th percentile of the scores of good images, or of all if none is labelled.
    """
    if given is not None:
        return given, "as given"
    known = [index for index, label in enumerate(truth.defective) if label is not None]
    labels = np.array([bool(truth.defective[index]) for index in known])
    if len(set(labels.tolist())) == 2:
        return _f1_threshold(labels, scores[known]), "highest F1 of PyTorch's scores"
    good = [scores[index] for index in known if not truth.defective[index]]
    values, whose = (good, "good") if good else (list(scores), "all")
    return (
        float(np.percentile(values, GOOD_PERCENTILE)),
        f"{GOOD_PERCENTILE}th percentile of PyTorch's scores of {whose} images",
    )


def _f1_threshold(labels: npt.NDArray[np.bool_], scores: FloatArray) -> float:
    """The middle between the lowest score above the threshold with the highest F1, and the next."""
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    lowest = float(thresholds[int(np.argmax(f1[:-1]))])
    below = scores[scores < lowest]
    return float((lowest + below.max()) / 2) if len(below) else lowest - 1e-6


def _correlation(left: FloatArray, right: FloatArray) -> float:
    """Pearson correlation; 1 for two equal constant maps, 0 if one is constant or not finite."""
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        return 0.0
    a, b = (np.asarray(m, dtype=np.float64).ravel() - float(m.mean()) for m in (left, right))
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    if norm == 0.0:
        return float(np.allclose(left, right))
    return float(a @ b / norm)


def _change(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before
