"""Image and pixel AUROC, a class each and their mean."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """A test picture's truth and result: class, mask bool `[S, S]`, map float32 `[S, S]`."""

    product: str
    defect: str | None
    mask: npt.NDArray[np.bool_]
    anomaly_map: npt.NDArray[np.float32]
    score: float


def auroc(pictures: Sequence[Scored]) -> dict[str, float]:
    """`image_auroc` over the pictures' scores and `pixel_auroc` over all their pixels."""
    truth = [picture.defect is not None for picture in pictures]
    masks = np.concatenate([picture.mask.ravel() for picture in pictures])
    maps = np.concatenate([picture.anomaly_map.ravel() for picture in pictures])
    return {
        "image_auroc": float(roc_auc_score(truth, [picture.score for picture in pictures])),
        "pixel_auroc": float(roc_auc_score(masks, maps)),
    }


def by_class(pictures: Sequence[Scored]) -> dict[str, dict[str, float]]:
    """`auroc` of each class, in the order in which classes come."""
    classes = dict.fromkeys(picture.product for picture in pictures)
    return {name: auroc([p for p in pictures if p.product == name]) for name in classes}


def mean_over_classes(classes: dict[str, dict[str, float]]) -> dict[str, float]:
    """The plain mean of each figure."""
    figures = next(iter(classes.values()))
    return {name: float(np.mean([c[name] for c in classes.values()])) for name in figures}
