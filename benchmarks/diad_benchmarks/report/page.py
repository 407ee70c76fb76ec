"""The HTML page of a run: tables and plots in one self-contained file."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from diad_benchmarks.report.curves import draw_plots
from diad_benchmarks.report.results import Results
from diad_benchmarks.report.rows import Row

NOTHING = "-"
"""Shown in tables for figures that were not measured."""

OWN = ("onnxruntime", "tensorrt")
"""Prefixes of the names of the runtime's own backends."""


def render_page(results: Results) -> str:
    """Render the page with all text escaped."""
    environment = Environment(
        loader=PackageLoader("diad_benchmarks.report", "."),
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
        "fine": lambda value: NOTHING if value is None else f"{value:,.3g}",
        "whole": lambda value: f"{value:,.0f}" if value >= 100 else f"{value:,.1f}",
        "giga": lambda value: f"{1e-9 * value:,.4g}",
    }
    ran = [row for row in results.rows if row.latency is not None]
    return environment.get_template("page.html.j2").render(
        results=results,
        ran=ran,
        batches=sorted({t.batch for row in ran for t in row.throughput}),
        speeds={row.name: {t.batch: t.pictures_per_s for t in row.throughput} for row in ran},
        on_gpu=[row for row in ran if row.device == "cuda"],
        plots=draw_plots(results),
        staged=[row for row in ran if row.stages],
        headline=_headline(results),
    )


def _headline(results: Results) -> str:
    """The main result in one sentence."""
    published, ours = results.row("published"), _best(results)
    faster = None if published is None or ours is None else _times_as_fast(published, ours)
    if ours is None or faster is None:
        return ""
    text = f"{ours.title} is {faster:.1f} times as fast as the published order of work"
    if ours.accuracy is None:
        return f"{text}."
    flips = ours.accuracy.flipped
    same = "every decision is the same" if flips == 0 else f"{flips} decisions differ"
    return (
        f"{text}; {same} on {ours.accuracy.pictures} images, scores differ by "
        f"at most {ours.accuracy.largest_difference:.0e}."
    )


def _times_as_fast(published: Row, ours: Row) -> float | None:
    """Uses the medians of the ratios per round if both ran with the yardstick."""
    if published.times_yardstick is not None and ours.times_yardstick is not None:
        return published.times_yardstick / ours.times_yardstick
    if published.latency is None or ours.latency is None:
        return None
    return published.latency.p50_ms / ours.latency.p50_ms


def _best(results: Results) -> Row | None:
    """The fastest of the runtime's own backends."""
    rows = [row for row in results.rows if row.name.startswith(OWN) and row.latency is not None]
    return min(rows, key=lambda row: row.latency.p50_ms if row.latency else 0.0, default=None)
