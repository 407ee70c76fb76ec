"""The figures as rows of text, for the terminal and the page."""

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
UNDEFINED = "–"  # noqa: RUF001 - as tables of figures have it


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A row: whose figures, how many images, and the figures in percent.

    `kind` is `class`, `mean` or `paper`; `image_only` the number of images that are left out of
    the pixel metrics, empty where no class has any.
    """

    kind: str
    name: str
    pictures: str
    cells: tuple[str, ...]
    image_only: str = ""


def table_rows(found: Evaluation) -> list[TableRow]:
    """The classes, their mean, and the paper's figures where the data are a set of the paper's."""
    image_only = sum(each.masks.image_only for each in found.classes)
    rows = [
        TableRow(
            kind="class",
            name=each.product,
            pictures=f"{each.good} + {each.defective}",
            cells=in_percent(each.figures),
            image_only=str(each.masks.image_only) if image_only else "",
        )
        for each in found.classes
    ]
    good = sum(each.good for each in found.classes)
    defective = sum(each.defective for each in found.classes)
    mean = in_percent(found.mean)
    rows.append(
        TableRow(
            kind="mean",
            name="mean",
            pictures=f"{good} + {defective}",
            cells=mean,
            image_only=str(image_only or ""),
        )
    )
    if found.paper is not None:
        name = paper_title(found.paper)
        cells = in_percent(found.paper.figures)
        rows.append(TableRow(kind="paper", name=name, pictures="", cells=cells))
    return rows


def paper_title(paper: PaperFigures) -> str:
    """What stands beside the paper's figures."""
    return f"the paper's {paper.title}, mean of {len(paper.classes)}"


def in_percent(figures: Figures) -> tuple[str, ...]:
    """Each metric as `97.2`, in the order of `METRICS`."""
    return tuple(f"{figures[name] * 100:.1f}" if name in figures else UNDEFINED for name in METRICS)
