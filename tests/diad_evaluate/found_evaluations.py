"""Evaluations made up for tests of what is done with them."""

from pathlib import Path
from typing import Any

from diad_deploy.labelled.labelled_image import LabelledImage
from diad_evaluate.metrics.curves import Curves
from diad_evaluate.metrics.figures import METRICS
from diad_evaluate.metrics.paper import PAPER
from diad_evaluate.mistakes import Mistake
from diad_evaluate.results import ClassResult, Evaluation, ImageRow

CURVE = ((0.0, 0.0), (0.25, 0.75), (1.0, 1.0))
CURVES = Curves(**dict.fromkeys(Curves.__dataclass_fields__, CURVE))
NASTY = "<b>&\"'\udcff"


def class_found(product: str, value: float = 0.5, **changes: Any) -> ClassResult:
    fields: dict[str, Any] = {
        "product": product,
        "good": 3,
        "defective": 4,
        "failed": 0,
        "masked": 7,
        "figures": dict.fromkeys(METRICS, value),
        "undefined": {},
        "notes": (),
        "threshold": 0.25,
    }
    return ClassResult(**{**fields, **changes})


def row(image: str, **changes: Any) -> ImageRow:
    fields = {"product": "a", "kind": "good", "status": "ok", "score": 0.5}
    return ImageRow(picture=image, **{**fields, **changes})


def mistake(name: str, kind: str = "good") -> Mistake:
    return Mistake(
        image=LabelledImage(path=Path(name), name=name, product="a", kind=kind),
        score=0.75,
        threshold=0.25,
        width=160,
        height=100,
        thumbnails={"input": "data:image/jpeg;base64,AAAA"},
    )


def mvtec_ad(value: float = 0.5, **changes: Any) -> Evaluation:
    """All classes of MVTec-AD, alike."""
    classes = [class_found(name, value) for name in PAPER[0].classes]
    return evaluation(*classes, layout="mvtec-ad", **changes)


def evaluation(*classes: ClassResult, **changes: Any) -> Evaluation:
    fields: dict[str, Any] = {
        "data": "/data/parts",
        "layout": "plain",
        "bundle": "bundle",
        "bundle_sha256": "ab" * 32,
        "backend": "fake",
        "devices": ("cpu",),
        "backend_reason": "for tests",
        "rows": (row("a.png"),),
        "false_alarms": (),
        "misses": (),
        "stopped": False,
        "seconds": 2.0,
        "model_seconds": 1.0,
        "metric_seconds": 0.5,
    }
    return Evaluation(classes=classes, **{**fields, **changes})
