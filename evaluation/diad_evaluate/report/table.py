"""The figures as rows of text for the terminal and the page."""

from dataclasses import dataclass

from diad_evaluate.metrics.figures import METRICS, Figures
from diad_evaluate.metrics.paper import PaperFigures
from diad_evaluate.results import Evaluation

TITLES = {
    "image_auroc": "image AUROC",
    "image_ap": "image AP",
    "image_f1_max": "image F1-max",
    "pixel_auroc": "pixel AUROC",
    "pixel_ap": "pixel AP",
    "pixel_f1_max": "pixel F1-max",
    "pixel_au_pro": "AU-PRO",
    "pixel_au_pro_exact": "AU-PRO exact",
}
UNDEFINED = "–"  # noqa: RUF001 - the usual sign in tables


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A row of the table.

    Attributes:
        kind: `class`, `mean` or `paper`.
        name: the class, or a title.
        images: the numbers of good and defective images.
        cells: the metrics in percent, in the order of `METRICS`.
        image_only: the number of images left out of the pixel metrics; empty if no class has any.
    """

    kind: str
    name: str
    images: str
    cells: tuple[str, ...]
    image_only: str = ""


def table_rows(found: Evaluation) -> list[TableRow]:
    """The rows of the classes, their mean and, for a data set of the paper, its figures."""
    image_only = sum(each.masks.image_only for each in found.classes)
    rows = [
        TableRow(
            kind="class",
            name=each.product,
            images=f"{each.good} + {each.defective}",
            cells=to_percent(each.figures),
            image_only=str(each.masks.image_only) if image_only else "",
        )
        for each in found.classes
    ]
    good = sum(each.good for each in found.classes)
    defective = sum(each.defective for each in found.classes)
    mean = to_percent(found.mean)
    rows.append(
        TableRow(
            kind="mean",
            name="mean",
            images=f"{good} + {defective}",
            cells=mean,
            image_only=str(image_only or ""),
        )
    )
    if found.paper is not None:
        name = paper_title(found.paper)
        cells = to_percent(found.paper.figures)
        rows.append(TableRow(kind="paper", name=name, images="", cells=cells))
    return rows


def paper_title(paper: PaperFigures) -> str:
    """The title of the paper's figures."""
    return f"the paper's {paper.title}, mean of {len(paper.classes)}"


def to_percent(figures: Figures) -> tuple[str, ...]:
    """The metrics in percent such as `97.2`, in the order of `METRICS`."""
    return tuple(f"{figures[name] * 100:.1f}" if name in figures else UNDEFINED for name in METRICS)
