"""The files of an evaluation.

OUT/evaluation.json   all results
OUT/evaluation.csv    one row per class, their mean, and the figures of the paper
OUT/pictures.csv      one row per image: its score, or the reason of its failure
OUT/page.html         the figures, the curves, and the worst false alarms and misses
"""

import json
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

from diad_deploy.files.csv_rows import to_csv
from diad_deploy.labelled.mask_findings import MaskCounts
from diad_evaluate.metrics.figures import METRICS, Figures
from diad_evaluate.report.page import render_page
from diad_evaluate.results import Evaluation, ImageRow

RESULT = "evaluation.json"
TABLE = "evaluation.csv"
IMAGES = "pictures.csv"
PAGE = "page.html"

MASK_COLUMNS = tuple(f"masks_{field.name}" for field in fields(MaskCounts))
COLUMNS = (
    *("row", "class", "good", "defective", "failed", "masked", *METRICS, "notes"),
    *MASK_COLUMNS,
)
IMAGE_COLUMNS = tuple(field.name for field in fields(ImageRow))


def write_evaluation(folder: Path, found: Evaluation) -> None:
    """Write all files into the existing `folder`.

    Raises:
        OSError: a file cannot be written.
    """
    # file names may contain bytes that are not UTF-8
    contents = {
        RESULT: f"{json.dumps(found.as_json(), indent=2)}\n".encode(),
        TABLE: to_csv([COLUMNS, *class_rows(found)]),
        IMAGES: to_csv([IMAGE_COLUMNS, *map(astuple, found.rows)]),
        PAGE: render_page(found).encode("utf-8", "backslashreplace"),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def class_rows(found: Evaluation) -> list[Sequence[object]]:
    """The rows of `COLUMNS`. Figures are fractions of 1, and empty if undefined."""
    rows: list[Sequence[object]] = [
        (
            *("class", each.product, each.good, each.defective, each.failed, each.masked),
            *_cells(each.figures),
            "; ".join(each.notes),
            *astuple(each.masks),
        )
        for each in found.classes
    ]
    sums = [sum(row[place] for row in rows) for place in range(2, 6)]  # type: ignore[misc]
    counts = [astuple(each.masks) for each in found.classes]
    masks = [sum(each[place] for each in counts) for place in range(len(MASK_COLUMNS))]
    left_out = [f"{name} without {', '.join(p)}" for name, p in found.left_out.items()]
    rows.append(("mean", "", *sums, *_cells(found.mean), "; ".join(left_out), *masks))
    paper = found.paper
    if paper is not None:
        note = f"the paper's, mean of {len(paper.classes)} classes of {paper.title}; not measured"
        cells = _cells(paper.figures)
        rows.append(("paper", *[""] * 5, *cells, note, *[""] * len(MASK_COLUMNS)))
    return rows


def _cells(figures: Figures) -> list[object]:
    return [figures.get(name, "") for name in METRICS]
