"""The results of an evaluation."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from diad_deploy import __version__
from diad_deploy.labelled.mask_findings import MaskCounts
from diad_evaluate.metrics.curves import Curves
from diad_evaluate.metrics.figures import METRICS, Figures, describe_metrics
from diad_evaluate.metrics.paper import SOURCE, PaperFigures, paper_figures
from diad_evaluate.mistakes import Mistake

Status = Literal["ok", "failed", "mask failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """One image of the test set.

    Attributes:
        picture: the path of the image relative to the data.
        product: its class.
        kind: the kind of defect; `good` for a good image.
        status: `ok`; `failed` if the image could not be read or its result is not finite;
            `mask failed` if its mask cannot be read, so that it counts for image metrics only.
        score: the score; None if failed.
        reason: the reason of the failure.
        mask: the problems of its mask; None if there are none.
    """

    picture: str
    product: str
    kind: str
    status: Status
    score: float | None = None
    reason: str | None = None
    mask: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassResult:
    """The result of one class.

    Attributes:
        product: its name.
        good, defective: the numbers of images that were read.
        failed: the number of images that failed.
        masked: the number of images that count for the pixel metrics.
        masks: the findings for the masks of defective images.
        figures: the metrics that are defined, as fractions of 1.
        undefined: the other metrics, with the reason.
        notes: remarks for the reader.
        threshold: the lowest score that counts as defective, where F1 is highest; None if it is
            undefined.
        curves: the curves, reduced for drawing.
    """

    product: str
    good: int
    defective: int
    failed: int
    masked: int
    figures: Figures
    undefined: dict[str, str]
    notes: tuple[str, ...]
    threshold: float | None
    masks: MaskCounts = field(default_factory=MaskCounts)
    curves: Curves = field(default_factory=Curves)

    def as_json(self) -> dict[str, Any]:
        """The fields except the name and the curves; undefined metrics are null."""
        return {
            "good": self.good,
            "defective": self.defective,
            "failed": self.failed,
            "masked": self.masked,
            "masks": asdict(self.masks),
            "figures": {name: self.figures.get(name) for name in METRICS},
            "undefined": self.undefined,
            "threshold": self.threshold,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The result of a test set.

    Attributes:
        data: the folder of the test set, as given.
        layout: the name of its layout.
        bundle, bundle_sha256: the name and the hash of the bundle.
        backend, devices, backend_reason: the backend, its devices, and why it was chosen.
        classes: the results of the classes, in the order in which they ran.
        rows: one row per image.
        false_alarms, misses: the worst mistakes, worst first.
        warnings: problems that may have made scores wrong, one sentence each.
        stopped: whether the run ended early; `classes` then has only complete classes.
        seconds: the duration of the run.
        model_seconds, metric_seconds: the parts spent in the model and on metrics.
    """

    data: str
    layout: str
    bundle: str
    bundle_sha256: str
    backend: str
    devices: tuple[str, ...]
    backend_reason: str
    classes: tuple[ClassResult, ...]
    rows: tuple[ImageRow, ...]
    false_alarms: tuple[Mistake, ...]
    misses: tuple[Mistake, ...]
    stopped: bool
    seconds: float
    model_seconds: float
    metric_seconds: float
    warnings: tuple[str, ...] = ()

    @property
    def mean(self) -> Figures:
        """The mean of each metric over the classes where it is defined."""
        return {
            name: float(np.mean(values)) for name in METRICS if (values := self._values_of(name))
        }

    def _values_of(self, name: str) -> list[float]:
        return [each.figures[name] for each in self.classes if name in each.figures]

    @property
    def left_out(self) -> dict[str, tuple[str, ...]]:
        """The classes that the mean of a metric leaves out, by metric."""
        without = {
            name: tuple(each.product for each in self.classes if name not in each.figures)
            for name in METRICS
        }
        return {name: products for name, products in without.items() if products}

    @property
    def paper(self) -> PaperFigures | None:
        """The paper's figures for this data set; None if it has none."""
        return paper_figures(self.layout, (each.product for each in self.classes))

    @property
    def faults(self) -> tuple[ImageRow, ...]:
        """The rows of images and masks that could not be used."""
        return tuple(row for row in self.rows if row.status != "ok")

    @property
    def exit_status(self) -> int:
        """0: all were used. 1: some images or masks were not. 2: no image could be read."""
        if not self.faults:
            return 0
        return 1 if any(row.score is not None for row in self.rows) else 2

    def notes(self) -> list[str]:
        """The warnings and the notes about classes and means, one line each."""
        lines = [f"warning: {warning}" for warning in self.warnings]
        lines += [f"{each.product}: {note}" for each in self.classes for note in each.notes]
        together: dict[tuple[str, ...], list[str]] = {}
        for name, products in self.left_out.items():
            together.setdefault(products, []).append(name)
        lines += [
            f"mean: {describe_metrics(names)} without {', '.join(products)}, where it is undefined"
            for products, names in together.items()
        ]
        return lines

    def as_json(self) -> dict[str, Any]:
        """The values for `json.dumps`. Figures are fractions of 1."""
        paper = self.paper
        return {
            "version": __version__,
            "data": self.data,
            "layout": self.layout,
            "bundle": self.bundle,
            "bundle_sha256": self.bundle_sha256,
            "backend": self.backend,
            "devices": list(self.devices),
            "backend_reason": self.backend_reason,
            "pictures": len(self.rows),
            "failed": sum(row.status == "failed" for row in self.rows),
            "masks_failed": sum(row.status == "mask failed" for row in self.rows),
            "stopped": self.stopped,
            "mean": {name: self.mean.get(name) for name in METRICS},
            "mean_leaves_out": {name: list(products) for name, products in self.left_out.items()},
            "classes": {each.product: each.as_json() for each in self.classes},
            "paper": _paper_json(paper) if paper else None,
            "false_alarms": [_mistake_json(each) for each in self.false_alarms],
            "misses": [_mistake_json(each) for each in self.misses],
            "faults": [asdict(row) for row in self.faults],
            "notes": self.notes(),
            "seconds": self.seconds,
            "model_seconds": self.model_seconds,
            "metric_seconds": self.metric_seconds,
        }


ResultCallback = Callable[[Evaluation], None]


def _paper_json(paper: PaperFigures) -> dict[str, Any]:
    return {
        "source": SOURCE,
        "data": paper.title,
        "mean_over_classes": len(paper.classes),
        "figures": paper.figures,
    }


def _mistake_json(mistake: Mistake) -> dict[str, Any]:
    return {
        "picture": mistake.image.name,
        "class": mistake.image.product,
        "kind": mistake.image.kind,
        "score": mistake.score,
        "threshold": mistake.threshold,
    }
