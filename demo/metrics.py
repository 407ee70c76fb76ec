"""Image and pixel AUROC by class, their mean, and by kind of defect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

Figures = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """Label and result of a test image; the mask is bool `[S, S]`, the map float32 `[S, S]`."""

    product: str
    defect: str | None
    mask: npt.NDArray[np.bool_]
    anomaly_map: npt.NDArray[np.float32]
    score: float


def auroc(images: Sequence[Scored]) -> Figures:
    """`image_auroc` over the images' scores and `pixel_auroc` over all their pixels."""
    truth = [image.defect is not None for image in images]
    masks = np.concatenate([image.mask.ravel() for image in images])
    maps = np.concatenate([image.anomaly_map.ravel() for image in images])
    return {
        "image_auroc": float(roc_auc_score(truth, [image.score for image in images])),
        "pixel_auroc": float(roc_auc_score(masks, maps)),
    }


def split_classes(images: Sequence[Scored]) -> dict[str, list[Scored]]:
    """The images of each class, in order of the classes' first images."""
    classes: dict[str, list[Scored]] = {}
    for image in images:
        classes.setdefault(image.product, []).append(image)
    return classes


def by_class(images: Sequence[Scored]) -> dict[str, Figures]:
    """`auroc` of each class."""
    return {name: auroc(own) for name, own in split_classes(images).items()}


def by_kind(images: Sequence[Scored]) -> dict[str, Figures]:
    """`auroc` of each kind of defect against the good images of its class, mean over classes."""
    kinds = sorted({image.defect for image in images if image.defect is not None})
    return {kind: _of_kind(images, kind) for kind in kinds}


def _of_kind(images: Sequence[Scored], kind: str) -> Figures:
    chosen = [image for image in images if image.defect in (None, kind)]
    shown = {image.product for image in chosen if image.defect == kind}
    return mean_over_classes(by_class([p for p in chosen if p.product in shown]))


def mean_over_classes(classes: Mapping[str, Figures]) -> Figures:
    """The unweighted mean of each figure."""
    figures = next(iter(classes.values()))
    return {name: float(np.mean([c[name] for c in classes.values()])) for name in figures}
