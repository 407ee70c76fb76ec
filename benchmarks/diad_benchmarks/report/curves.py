"""The page's plots, as self-contained SVG."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from diad_benchmarks.report.results import Results
from diad_benchmarks.report.rows import Row
from diad_benchmarks.studies.sweeps import StepsPoint, Sweeps

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "diad_deploy",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dfe3e8",
    "grid.linewidth": 0.7,
    "axes.edgecolor": "#8a94a0",
    "axes.labelcolor": "#3a434d",
    "xtick.color": "#3a434d",
    "ytick.color": "#3a434d",
}
COLOURS = ("#2f6db3", "#d9772b", "#3c9a5f", "#a24f9f", "#c0453e", "#6a7683", "#1b9aaa", "#8c6d31")
BESIDE: Any = {
    **{"frameon": False, "fontsize": 9},
    **{"loc": "center left", "bbox_to_anchor": (1.0, 0.5)},
}
"""A legend to the right of its plot."""
PARTS = ("prepare", "encode", "steps", "decode", "decode again", "score", "model")


def draw_plots(results: Results) -> dict[str, str]:
    """SVG by title, in the page's order; empty plots are left out."""
    rows = [row for row in results.rows if row.latency is not None]
    drawn: dict[str, str] = {}
    with mpl.rc_context(rc=STYLE):
        if rows:
            drawn["Time of one image"] = _draw(0.55 * len(rows) + 1, _latency, rows)
            drawn["Images per second by batch size"] = _draw(3.4, _throughput, rows)
        staged = [row for row in rows if row.stages]
        if staged:
            drawn["Where the time goes"] = _draw(0.55 * len(staged) + 1.5, _stages, staged)
        if results.sweeps is not None:
            drawn |= dict(_sweeps(results.sweeps))
    return drawn


def _draw(height: float, draw: Callable[..., None], data: Any) -> str:
    figure = Figure(figsize=(7.6, height), layout="constrained")
    draw(figure.subplots(), data)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    # the XML declaration and document type belong to a file of its own
    text = out.getvalue()
    return text[text.index("<svg") :]


def _latency(axes: Any, rows: Sequence[Row]) -> None:
    """Bars to the median, a line on to the 99th percentile, a tick at the 90th."""
    for place, row in enumerate(rows):
        latency = row.latency
        if latency is None:
            continue
        colour = COLOURS[place % len(COLOURS)]
        axes.barh(place, latency.p50_ms, height=0.6, color=colour)
        axes.plot([latency.p50_ms, latency.p99_ms], [place, place], color="#3a434d", lw=1.4)
        axes.plot(latency.p90_ms, place, "|", color="#3a434d", ms=9)
        axes.annotate(
            f" {latency.p50_ms:.0f} ms",
            (latency.p99_ms, place),
            va="center",
            xytext=(3, 0),
            textcoords="offset points",
        )
    _name_rows(axes, rows)
    axes.margins(x=0.14)
    axes.set_xlabel("ms from image to map: median, tick at the 90th percentile, line to the 99th")


def _throughput(axes: Any, rows: Sequence[Row]) -> None:
    for place, row in enumerate(rows):
        speeds = {t.batch: t.pictures_per_s for t in row.throughput}
        _line(axes, place, speeds.keys(), speeds.values(), label=row.title)
    batches = sorted({t.batch for row in rows for t in row.throughput})
    axes.set(xlabel="images per batch", ylabel="images per second", ylim=(0, None))
    axes.set_xticks(batches, [str(batch) for batch in batches])
    axes.legend(**BESIDE)


def _line(
    axes: Any, place: int, xs: Iterable[float], ys: Iterable[Any], *, ms: int = 4, label: str
) -> None:
    colour = COLOURS[place % len(COLOURS)]
    axes.plot(list(xs), list(ys), "o-", ms=ms, color=colour, label=label)


def _stages(axes: Any, rows: Sequence[Row]) -> None:
    for place, row in enumerate(rows):
        left = 0.0
        parts = stage_parts(row)
        for part, share in parts.items():
            axes.barh(
                place,
                100 * share,
                left=100 * left,
                height=0.6,
                color=COLOURS[PARTS.index(part)],
                label=part if place == 0 or part == "decode again" else None,
            )
            if share > 0.06:
                middle, style = 100 * (left + share / 2), {"ha": "center", "va": "center"}
                axes.text(middle, place, f"{share:.0%}", color="white", fontsize=9, **style)
            left += share
    _name_rows(axes, rows)
    axes.set(xlabel="share of an image's time, %", xlim=(0, 100))
    axes.legend(frameon=False, ncols=3, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1.0))


def stage_parts(row: Row) -> dict[str, float]:
    """Share of each part of an image's time, with all steps as one."""
    parts = dict.fromkeys(PARTS, 0.0)
    for stage in row.stages:
        parts["steps" if stage.stage.startswith("step ") else stage.stage] += stage.share
    return {name: share for name, share in parts.items() if share}


def _name_rows(axes: Any, rows: Sequence[Row]) -> None:
    axes.set_yticks(range(len(rows)), [row.title for row in rows])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")


def _sweeps(sweeps: Sweeps) -> Iterator[tuple[str, str]]:
    if sweeps.steps:
        yield "Steps: speed against AUROC", _draw(4.2, _steps, sweeps.steps)
        yield "Steps: what each costs", _draw(3.4, _step_costs, sweeps.steps)
    if sweeps.threads:
        yield "Threads", _draw(2.8, _threads, sweeps)
    if sweeps.sizes:
        yield "Image size", _draw(2.8, _sizes, sweeps)


def _steps(axes: Any, points: Sequence[StepsPoint]) -> None:
    known = [point for point in points if point.image_auroc is not None]
    for place, (label, line) in enumerate(_lines(known)):
        xs = [point.pictures_per_s for point in line]
        ys = [point.image_auroc for point in line]
        _line(axes, place, xs, ys, ms=5, label=label)
        for point, x, y in zip(line, xs, ys, strict=True):
            axes.annotate(str(point.steps), (x, y), xytext=(4, 4), textcoords="offset points")
    axes.set(xlabel="images per second", ylabel="image AUROC", xlim=(0, None))
    axes.legend(frameon=False, fontsize=9)


def _step_costs(axes: Any, points: Sequence[StepsPoint]) -> None:
    for place, (label, line) in enumerate(_lines(points)):
        costs = [point.median_ms / point.batch for point in line]
        _line(axes, place, [point.steps for point in line], costs, label=label)
    axes.set(xlabel="steps", ylabel="ms per image", xlim=(0, None), ylim=(0, None))
    axes.legend(**BESIDE)


def _lines(points: Sequence[StepsPoint]) -> Iterator[tuple[str, list[StepsPoint]]]:
    lines: dict[str, list[StepsPoint]] = {}
    for p in points:
        lines.setdefault(f"{p.precision}, {p.spacing}, batch {p.batch}", []).append(p)
    for label, line in lines.items():
        yield label, sorted(line, key=lambda p: p.steps)


def _threads(axes: Any, sweeps: Sweeps) -> None:
    points = sweeps.threads
    first = points[0]
    axes.plot([p.threads for p in points], [p.median_ms for p in points], "o-", color=COLOURS[0])
    ideal = [first.median_ms * first.threads / p.threads for p in points]
    axes.plot([p.threads for p in points], ideal, "--", color="#8a94a0", label="ideal")
    axes.set(xlabel="threads", ylabel="ms per image", ylim=(0, None))
    axes.set_xticks([p.threads for p in points])
    axes.legend(frameon=False, fontsize=9)


def _sizes(axes: Any, sweeps: Sweeps) -> None:
    points = sorted(sweeps.sizes, key=lambda point: point.size_px)
    axes.plot([p.size_px for p in points], [p.median_ms for p in points], "o-", color=COLOURS[0])
    for point in points:
        axes.annotate(
            f"{point.gflop:.0f} GFLOP",
            (point.size_px, point.median_ms),
            xytext=(-6, 6),
            textcoords="offset points",
            ha="right",
        )
    axes.set(xlabel="side of the model's input, px", ylabel="ms per image", ylim=(0, None))
    axes.set_xticks([p.size_px for p in points])
