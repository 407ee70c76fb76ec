"""The page of an evaluation: one HTML file that needs no network and no other files."""

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from diad_deploy import __version__
from diad_evaluate.metrics.figures import METRICS
from diad_evaluate.metrics.paper import SOURCE
from diad_evaluate.mistakes import KINDS, Mistake
from diad_evaluate.report.plots import IMAGE_PANELS, PIXEL_PANELS, draw_plots
from diad_evaluate.report.table import TITLES, UNDEFINED, table_rows
from diad_evaluate.results import Evaluation

MAX_FAULTS = 200
_KIND_TITLES = dict(
    zip(KINDS, ("Input", "Reconstruction", "Heatmap", "Marked defect"), strict=True)
)


def render_page(found: Evaluation) -> str:
    """The HTML of the page, with all names and reasons escaped."""
    environment = Environment(
        loader=PackageLoader("diad_evaluate.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["score"] = lambda score: f"{score:.4g}"
    return environment.get_template("page.html.j2").render(
        found=found,
        data_name=Path(found.data).resolve().name,
        version=__version__,
        # non-breaking hyphens
        titles=[TITLES[name].replace("-", "\u2011") for name in METRICS],
        rows=table_rows(found),
        image_only=sum(each.masks.image_only for each in found.classes),
        paper=found.paper,
        source=SOURCE,
        headline=_headline(found),
        notes=found.notes(),
        plots=_plots(found),
        mistakes=_mistakes(found),
        kinds=_KIND_TITLES,
        faults=found.faults[:MAX_FAULTS],
        fault_count=len(found.faults),
    )


def _headline(found: Evaluation) -> list[tuple[str, str]]:
    """The means in the header of the page."""
    names = ("image_auroc", "pixel_auroc", "pixel_au_pro")
    mean = found.mean
    return [
        (f"{TITLES[name]}, mean", f"{mean[name] * 100:.1f} %" if name in mean else UNDEFINED)
        for name in names
    ]


def _plots(found: Evaluation) -> list[dict[str, str]]:
    plots = []
    levels = {"Image level": IMAGE_PANELS, "Pixel level": PIXEL_PANELS}
    for title, panels in levels.items():
        drawn = draw_plots(found.classes, panels)
        if drawn is not None:
            source = f"data:image/svg+xml;base64,{base64.b64encode(drawn).decode()}"
            names = ", ".join(panel.title for panel in panels)
            plots.append({"title": title, "source": source, "names": names})
    return plots


def _mistakes(found: Evaluation) -> list[dict[str, Any]]:
    def section(key: str, title: str, note: str, shown: tuple[Mistake, ...]) -> dict[str, Any]:
        return {"key": key, "title": title, "note": note, "shown": shown}

    return [
        section(
            "false-alarms",
            "Worst false alarms",
            "Good images that are defective by the threshold of their class.",
            found.false_alarms,
        ),
        section(
            "misses",
            "Worst misses",
            "Defective images that are good by the threshold of their class.",
            found.misses,
        ),
    ]
