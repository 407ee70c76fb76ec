"""What the page's cards say: one image each, with its three thumbnails and its regions."""

import base64
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from diad_deploy.regions import Region
from diad_deploy.report import folder as layout
from diad_deploy.report.image_outputs import THUMBNAIL_PX
from diad_deploy.report.ranking import group_name
from diad_deploy.report.results import ResultRow

MAX_REGIONS = 8
"""Regions that are drawn on a card, highest peak first."""
MAX_CORNERS = 64
"""Corners of an outline on a card: at 160 px more cannot be seen."""


def card(folder: Path, row: ResultRow) -> dict[str, Any]:
    """Values for the page's template."""
    width, height = row.width or 1, row.height or 1
    # small images are shown as large as the others
    shrink = THUMBNAIL_PX / max(width, height)
    return {
        "row": row,
        "group": group_name(row),
        "width": max(1, round(width * shrink)),
        "height": max(1, round(height * shrink)),
        "heatmap_link": quote(os.fsencode(row.heatmap)) if row.heatmap else None,
        "outlines": [_outline(region) for region in (row.regions or ())[:MAX_REGIONS]],
        "thumbnails": {
            kind: _data_uri(folder / layout.thumbnail_path(row.picture, kind))
            for kind in layout.THUMBNAIL_KINDS
        },
    }


def _outline(region: Region) -> str:
    """The contour as points of an SVG polygon, in the image's pixels."""
    every = -(-len(region.contour) // MAX_CORNERS) or 1
    return " ".join(f"{x},{y}" for x, y in region.contour[::every])


def _data_uri(path: Path) -> str | None:
    """The file as text; None where it is not there any more, which costs the page one image."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
