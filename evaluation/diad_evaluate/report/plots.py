"""ROC, precision-recall and overlap curves as one SVG for each level."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from diad_deploy.cli.console import printable
from diad_evaluate.metrics.curves import Curves, Points
from diad_evaluate.results import ClassResult

_PANEL_INCHES = 3.3
_STYLES = ("-", "--", ":")
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#555555")
"""Told apart by colour-blind eyes too (Okabe and Ito)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One chart: which curve of `Curves`, and the names of its axes."""

    curve: str
    title: str
    across: str
    up: str


IMAGE_PANELS = (
    Panel(curve="image_roc", title="ROC", across="False-positive rate", up="True-positive rate"),
    Panel(curve="image_pr", title="Precision-recall", across="Recall", up="Precision"),
)
PIXEL_PANELS = (
    Panel(curve="pixel_roc", title="ROC", across="False-positive rate", up="True-positive rate"),
    Panel(curve="pixel_pr", title="Precision-recall", across="Recall", up="Precision"),
    Panel(
        curve="pixel_pro",
        title="Per-region overlap, to 30 %",
        across="False-positive rate",
        up="Overlap",
    ),
)


def draw_plots(classes: Sequence[ClassResult], panels: Sequence[Panel]) -> bytes | None:
    """The panels side by side, a line a class, as SVG; None where no class has such a curve."""
    # numbered before any is left out, so that a class has one colour in all plots
    shown = [
        (place, each)
        for place, each in enumerate(classes)
        if any(_points(each.curves, panel) for panel in panels)
    ]
    if not shown:
        return None
    rows = -(-len(shown) // 5)
    size = (_PANEL_INCHES * len(panels), _PANEL_INCHES + 0.35 + 0.22 * rows)
    # texts stay texts, for names in any script; no date and a fixed salt give the same bytes
    settings = {"svg.fonttype": "none", "svg.hashsalt": "diad", "font.size": 9}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # of a letter that matplotlib's font lacks, only the width is unknown to it
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, panel in zip(all_axes, panels, strict=True):
            _draw_panel(axes, panel, shown)
        handles, names = all_axes[0].get_legend_handles_labels()
        legend = figure.legend(
            handles, names, loc="outside lower center", ncols=min(5, len(shown)), frameon=False
        )
        for text in legend.get_texts():
            # a name with $ is no formula
            text.set_parse_math(False)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def _legend_name(product: str) -> str:
    """The name as it is drawn: what begins with _ would be left out of the legend."""
    name = printable(product)
    return f"\u200b{name}" if name.startswith("_") else name


def _draw_panel(axes: Axes, panel: Panel, classes: Sequence[tuple[int, ClassResult]]) -> None:
    for place, each in classes:
        points = _points(each.curves, panel)
        style = _STYLES[place // len(_COLOURS) % len(_STYLES)]
        axes.plot(
            [x for x, _ in points],
            [y for _, y in points],
            color=_COLOURS[place % len(_COLOURS)],
            linestyle=style,
            linewidth=1.4,
            label=_legend_name(each.product),
        )
    right = 0.3 if panel.curve == "pixel_pro" else 1.0
    axes.set(xlim=(0, right), ylim=(0, 1.005), xlabel=panel.across, ylabel=panel.up)
    axes.set_title(panel.title, fontsize=10, loc="left")
    axes.grid(color="#e4e4e4", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _points(curves: Curves, panel: Panel) -> Points:
    points: Points = getattr(curves, panel.curve)
    return points
