"""ROC, precision-recall and overlap curves, as one SVG each for images and pixels."""

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
"""Distinguishable for colour-blind readers (Okabe and Ito)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One chart: a curve of `Curves`, and the labels of its axes."""

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
    """Draw panels side by side, with one line per class.

    Returns:
        The SVG; None if no class has one of the curves.
    """
    # numbered before some are left out, so that a class has the same colour in all plots
    drawn = [
        (place, each)
        for place, each in enumerate(classes)
        if any(_points(each.curves, panel) for panel in panels)
    ]
    if not drawn:
        return None
    rows = -(-len(drawn) // 5)
    size = (_PANEL_INCHES * len(panels), _PANEL_INCHES + 0.35 + 0.22 * rows)
    # text is kept as text, for names in any script; without a date and with a fixed salt the
    # output is reproducible
    settings = {"svg.fonttype": "none", "svg.hashsalt": "diad", "font.size": 9}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # a letter that is missing in matplotlib's font is only measured wrongly
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, panel in zip(all_axes, panels, strict=True):
            _draw_panel(axes, panel, drawn)
        handles, names = all_axes[0].get_legend_handles_labels()
        legend = figure.legend(
            handles, names, loc="outside lower center", ncols=min(5, len(drawn)), frameon=False
        )
        for text in legend.get_texts():
            # a $ in a name does not start a formula
            text.set_parse_math(False)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def _legend_name(product: str) -> str:
    """The name for the legend, which leaves out names that start with _."""
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
