"""The cards of the page: one image each, with its thumbnails and regions."""

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
"""The most regions drawn on a card, highest peak first."""
MAX_CORNERS = 64
"""The most corners of an outline on a card: at 160 px more cannot be seen."""


def card(folder: Path, row: ResultRow) -> dict[str, Any]:
    """The values of one card for the template of the page."""
    width, height = row.width or 1, row.height or 1
    # small images are enlarged to the size of the others
    scale = THUMBNAIL_PX / max(width, height)
    return {
        "row": row,
        "group": group_name(row),
        "width": max(1, round(width * scale)),
        "height": max(1, round(height * scale)),
        "heatmap_link": quote(os.fsencode(row.heatmap)) if row.heatmap else None,
        "outlines": [_outline(region) for region in (row.regions or ())[:MAX_REGIONS]],
        "thumbnails": {
            kind: _data_uri(folder / layout.thumbnail_path(row.picture, kind))
            for kind in layout.THUMBNAIL_KINDS
        },
    }


def _outline(region: Region) -> str:
    """The contour as the points of an SVG polygon, in pixels of the image."""
    every = -(-len(region.contour) // MAX_CORNERS) or 1
    return " ".join(f"{x},{y}" for x, y in region.contour[::every])


def _data_uri(path: Path) -> str | None:
    """The file as a data URI; None if it no longer exists, so that the page has no thumbnail."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
