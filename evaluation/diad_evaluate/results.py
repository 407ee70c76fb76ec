"""What an evaluation found."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from diad_deploy import __version__
from diad_deploy.labelled.mask_findings import MaskCounts
from diad_evaluate.metrics.curves import Curves
from diad_evaluate.metrics.figures import METRICS, Figures, in_words
from diad_evaluate.metrics.paper import SOURCE, PaperFigures, paper_figures
from diad_evaluate.mistakes import Mistake

Status = Literal["ok", "failed", "mask failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """One image of the test set.

    Attributes:
        image: its path below the data's folder.
        product: its class.
        kind: the kind of defect; `good` for a good one.
        status: `ok`; `failed`, it could not be read or its result was not finite; `mask failed`,
            its mask cannot be used, so that it counts for the image metrics only.
        score: None where it failed.
        reason: what failed.
        mask: what is to be said of its mask; None where nothing is.
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
    """One class.

    Attributes:
        product: its name.
        good, defective: images that were read.
        failed: images that failed.
        masked: images that count for the pixel metrics.
        masks: how the masks of the defective images are.
        figures: the metrics that are defined.
        undefined: the others, and why.
        notes: what a reader should know.
        threshold: the lowest score that is called defective where F1 is highest.
        curves: thinned, for drawing.
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
        """The fields, without name and curves; what is undefined is null."""
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
    """A whole test set.

    Attributes:
        data: its folder, as given.
        layout: name of its layout.
        bundle, bundle_sha256, backend, devices, backend_reason: what ran, and where.
        classes: in the order in which they ran.
        rows: one an image.
        false_alarms, misses: the worst, worst first.
        warnings: what may have made scores wrong, a sentence each.
        stopped: whether the run ended before the last class; `classes` holds whole ones only.
        seconds: the whole run. model_seconds, metric_seconds: what of it model and metrics took.
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
        """The plain mean of each metric over the classes where it is defined."""
        return {
            name: float(np.mean(values)) for name in METRICS if (values := self._values_of(name))
        }

    def _values_of(self, name: str) -> list[float]:
        return [each.figures[name] for each in self.classes if name in each.figures]

    @property
    def left_out(self) -> dict[str, tuple[str, ...]]:
        """Of each metric that is undefined somewhere, the classes that its mean leaves out."""
        without = {
            name: tuple(each.product for each in self.classes if name not in each.figures)
            for name in METRICS
        }
        return {name: products for name, products in without.items() if products}

    @property
    def paper(self) -> PaperFigures | None:
        """The paper's figures on these data, where it has some."""
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
        """One line each: warnings, of the classes, then of the means."""
        lines = [f"warning: {warning}" for warning in self.warnings]
        lines += [f"{each.product}: {note}" for each in self.classes for note in each.notes]
        together: dict[tuple[str, ...], list[str]] = {}
        for name, products in self.left_out.items():
            together.setdefault(products, []).append(name)
        lines += [
            f"mean: {in_words(names)} without {', '.join(products)}, where undefined"
            for products, names in together.items()
        ]
        return lines

    def as_json(self) -> dict[str, Any]:
        """For `json.dumps`: figures are shares of 1."""
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


Tell = Callable[[Evaluation], None]


def _paper_json(paper: PaperFigures) -> dict[str, Any]:
    return {
        "source": SOURCE,
        "data": paper.title,
        "mean_over_classes": len(paper.classes),
        "figures": paper.figures,
    }


def _mistake_json(mistake: Mistake) -> dict[str, Any]:
    return {
        "picture": mistake.picture.name,
        "class": mistake.picture.product,
        "kind": mistake.picture.kind,
        "score": mistake.score,
        "threshold": mistake.threshold,
    }
