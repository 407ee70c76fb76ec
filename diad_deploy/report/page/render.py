"""The page of a report: one HTML file, made only from the other files of the report."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from diad_deploy.detection.colours import LEVELS, colour_table, opacity_table
from diad_deploy.images.discover import describe_skipped
from diad_deploy.report import folder as layout
from diad_deploy.report.page.cards import card
from diad_deploy.report.page.histogram import Bar, histogram
from diad_deploy.report.page.threshold_scale import slider_values
from diad_deploy.report.ranking import MAX_LISTED, Ranking
from diad_deploy.report.run_record import RunRecord

_LEGEND_STOPS = 16
_CHART_WIDTH, _CHART_HEIGHT = 720, 150


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """Facts about the run for the header of the page, besides its record.

    Attributes:
        total: the number of images of the run.
        seconds: the time from the start of the run to this page.
        pictures_per_second: the images per second of this run, without resumed ones.
        version: the version of this package.
        warnings: problems that may have made scores wrong, one sentence each.
        passed_over: the number of image files of unsupported formats, by suffix.
    """

    total: int
    seconds: float
    pictures_per_second: float
    version: str
    warnings: tuple[str, ...] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)


def write_page(folder: Path, record: RunRecord, ranking: Ranking, facts: PageFacts) -> Path:
    """Write `report.html`, which needs no network and no other files.

    Raises:
        OutputError: the page cannot be written.
    """
    path = folder / layout.PAGE
    html = render_page(folder, record, ranking, facts)
    with layout.writing_to(folder):
        layout.replace_file(path, html.encode("utf-8", "backslashreplace"))
    return path


def render_page(folder: Path, record: RunRecord, ranking: Ranking, facts: PageFacts) -> str:
    """The HTML of the page, with all names and reasons escaped."""
    environment = _environment()
    style = environment.get_template("page.css.j2").render(legend=_legend())
    script = environment.get_template("page.js").render()
    scores = [score for group in ranking.groups for score in group.scores]
    return environment.get_template("page.html.j2").render(
        record=record,
        facts=facts,
        ranking=ranking,
        by_class=any(row.class_name is not None for row in ranking.highest),
        by_folder=len(ranking.highest) > MAX_LISTED,
        cards=[card(folder, row) for row in ranking.highest],
        chart=_chart(histogram(scores)),
        slider=slider_values(ranking.groups),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("diad_deploy.report.page", "."),
        # the style and the script come from this package and are not HTML
        autoescape=lambda name: name == "page.html.j2",
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["score"] = lambda score: f"{score:.4g}"
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["duration"] = _duration
    environment.filters["passed_over"] = describe_skipped
    environment.policies["json.dumps_function"] = json.dumps
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment


def _hash(text: str) -> str:
    """The hash for the page's security policy, which allows only this script and this style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _chart(bars: tuple[Bar, ...]) -> dict[str, Any] | None:
    """The bars and ticks in the coordinates of the chart."""
    if not bars:
        return None
    tallest = max(bar.count for bar in bars)
    width = _CHART_WIDTH / len(bars)
    every = max(1, -(-len(bars) // 8))
    edges = [*(bar.low for bar in bars), bars[-1].high]
    return {
        "width": _CHART_WIDTH,
        "height": _CHART_HEIGHT,
        "low": edges[0],
        "high": edges[-1],
        "tallest": tallest,
        "bars": [
            {
                "x": place * width + 0.5,
                "width": max(width - 1.0, 0.5),
                # a single image among thousands must stay visible
                "height": max(bar.count / tallest * _CHART_HEIGHT, 2.0) if bar.count else 0.0,
                "bar": bar,
            }
            for place, bar in enumerate(bars)
        ],
        "ticks": [
            {"x": place * width, "label": f"{edges[place]:.4g}"}
            for place in range(0, len(edges), every)
        ],
    }


def _legend() -> str:
    """The CSS colour stops of the heatmap's scale, with their opacity."""
    stops = []
    for step in range(_LEGEND_STOPS):
        level = step * (LEVELS - 1) // (_LEGEND_STOPS - 1)
        red, green, blue = colour_table()[level].tolist()
        opacity = opacity_table()[level] / 255
        stops.append(f"rgb({red} {green} {blue} / {opacity:.2f})")
    return ", ".join(stops)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
