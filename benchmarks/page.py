"""One HTML page of a run: tables and plots in one file, no request leaves it."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from benchmarks.curves import draw_plots
from benchmarks.results import Results
from benchmarks.rows import Row

NOTHING = "-"
"""Stands in a table where nothing was measured."""


def render_page(results: Results) -> str:
    """The page; every name and reason in it is escaped."""
    environment = Environment(
        loader=PackageLoader("benchmarks", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "ms": lambda value: f"{value:,.1f}" if value < 1000 else f"{value:,.0f}",
        "gb": lambda value: NOTHING if value is None else f"{value / 1e9:,.2f}",
        "mb": lambda value: NOTHING if value is None else f"{value / 1e6:,.0f}",
        "seconds": lambda value: NOTHING if value is None else f"{value:,.1f}",
        "share": lambda value: NOTHING if value is None else f"{value:.0%}",
        "exact": lambda value: NOTHING if value is None else f"{value:.1e}",
        "signed": lambda value: NOTHING if value is None else f"{value:+.4f}",
        "ratio": lambda value: NOTHING if value is None else f"{value:.2f}",
        "auroc": lambda value: NOTHING if value is None else f"{value:.3f}",
        "giga": lambda value: f"{1e-9 * value:,.4g}",
    }
    ran = [row for row in results.rows if row.latency is not None]
    return environment.get_template("page.html.j2").render(
        results=results,
        ran=ran,
        batches=sorted({t.batch for row in ran for t in row.throughput}),
        speeds={row.name: {t.batch: t.pictures_per_s for t in row.throughput} for row in ran},
        plots=draw_plots(results),
        staged=[row for row in ran if row.stages],
        headline=_headline(results),
    )


def _headline(results: Results) -> str:
    """What a reader came for, in one sentence."""
    published, ours = results.row("published"), _best(results)
    if published is None or published.times_yardstick is None or ours is None:
        return ""
    if ours.times_yardstick is None:
        return ""
    faster = published.times_yardstick / ours.times_yardstick
    said = f"{ours.title} is {faster:.1f} times as fast as the published order of work"
    if ours.accuracy is None:
        return f"{said}."
    flips = ours.accuracy.flipped
    same = "every decision the same" if flips == 0 else f"{flips} decisions different"
    return (
        f"{said}; {same} on {ours.accuracy.pictures} pictures, scores apart by "
        f"{ours.accuracy.largest_difference:.0e} at most."
    )


def _best(results: Results) -> Row | None:
    """The fastest of this project's own backends."""
    own = ("onnxruntime", "onnxruntime-winograd", "onnxruntime-cuda", "tensorrt", "tensorrt-rtx")
    rows = [row for row in results.rows if row.name in own and row.latency is not None]
    return min(rows, key=lambda row: row.latency.p50_ms if row.latency else 0.0, default=None)
