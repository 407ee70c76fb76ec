"""The figures of the paper, for comparison.

DiAD, AAAI 2024, arXiv 2312.06607: multi-class setting, mean over all classes of the data set.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from diad_evaluate.metrics.figures import IMAGE_METRICS, PIXEL_METRICS, Figures

SOURCE = "DiAD, AAAI 2024, arXiv 2312.06607"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperFigures:
    """The paper's figures on one data set.

    Attributes:
        title: the name of the data set.
        layout: the name of its layout.
        classes: its classes; the figures are the mean over them.
        figures: the metrics as fractions of 1.
    """

    title: str
    layout: str
    classes: tuple[str, ...]
    figures: Figures


def _shares(*percent: float) -> Figures:
    values = [round(value / 100, 4) for value in percent]
    return dict(zip((*IMAGE_METRICS, *PIXEL_METRICS), values, strict=True))


PAPER = (
    PaperFigures(
        title="MVTec-AD",
        layout="mvtec-ad",
        classes=(
            *("bottle", "cable", "capsule", "carpet", "grid", "hazelnut", "leather", "metal_nut"),
            *("pill", "screw", "tile", "toothbrush", "transistor", "wood", "zipper"),
        ),
        figures=_shares(97.2, 99.0, 96.5, 96.8, 52.6, 55.5, 90.7),
    ),
    PaperFigures(
        title="VisA",
        layout="visa",
        classes=(
            *("candle", "capsules", "cashew", "chewinggum", "fryum", "macaroni1", "macaroni2"),
            *("pcb1", "pcb2", "pcb3", "pcb4", "pipe_fryum"),
        ),
        figures=_shares(86.8, 88.3, 85.1, 96.0, 26.1, 33.0, 75.2),
    ),
)


def paper_figures(layout: str, classes: Iterable[str]) -> PaperFigures | None:
    """The paper's figures for a data set; None if the paper has none.

    The data set must have exactly the paper's classes: a mean over others is not comparable, and
    other data sets use MVTec-AD's layout as well.
    """
    found = set(classes)
    for paper in PAPER:
        if paper.layout == layout and found == set(paper.classes):
            return paper
    return None
