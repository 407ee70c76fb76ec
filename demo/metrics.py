"""Image and pixel AUROC, a class each and their mean, and a kind of defect each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

Figures = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """A test picture's truth and result: class, mask bool `[S, S]`, map float32 `[S, S]`."""

    product: str
    defect: str | None
    mask: npt.NDArray[np.bool_]
    anomaly_map: npt.NDArray[np.float32]
    score: float


def auroc(pictures: Sequence[Scored]) -> Figures:
    """`image_auroc` over the pictures' scores and `pixel_auroc` over all their pixels."""
    truth = [picture.defect is not None for picture in pictures]
    masks = np.concatenate([picture.mask.ravel() for picture in pictures])
    maps = np.concatenate([picture.anomaly_map.ravel() for picture in pictures])
    return {
        "image_auroc": float(roc_auc_score(truth, [picture.score for picture in pictures])),
        "pixel_auroc": float(roc_auc_score(masks, maps)),
    }


def split_classes(pictures: Sequence[Scored]) -> dict[str, list[Scored]]:
    """The pictures of each class, in the order in which classes come."""
    classes: dict[str, list[Scored]] = {}
    for picture in pictures:
        classes.setdefault(picture.product, []).append(picture)
    return classes


def by_class(pictures: Sequence[Scored]) -> dict[str, Figures]:
    """`auroc` of each class."""
    return {name: auroc(own) for name, own in split_classes(pictures).items()}


def by_kind(pictures: Sequence[Scored]) -> dict[str, Figures]:
    """`auroc` of each kind of defect against the good pictures of its class, mean over classes."""
    kinds = sorted({picture.defect for picture in pictures if picture.defect is not None})
    return {kind: _of_kind(pictures, kind) for kind in kinds}


def _of_kind(pictures: Sequence[Scored], kind: str) -> Figures:
    chosen = [picture for picture in pictures if picture.defect in (None, kind)]
    shown = {picture.product for picture in chosen if picture.defect == kind}
    return mean_over_classes(by_class([p for p in chosen if p.product in shown]))


def mean_over_classes(classes: Mapping[str, Figures]) -> Figures:
    """The plain mean of each figure."""
    figures = next(iter(classes.values()))
    return {name: float(np.mean([c[name] for c in classes.values()])) for name in figures}
