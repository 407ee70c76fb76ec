"""How a notebook shows a detection: numbers beside small images, in HTML without scripts."""

import base64
import io
from collections.abc import Mapping
from html import escape

from PIL import Image

from diad_deploy.arrays import ImageArray

SHOWN_PX = 160
"""Longest side of an image in the notebook."""


def detection_html(
    *,
    score: float,
    decision: str | None,
    threshold: float | None,
    name: str | None,
    class_name: str | None,
    image_size_px: tuple[int, int],
    images: Mapping[str, ImageArray],
) -> str:
    """The numbers as a line of text, and the images in the shape of the inspected image.

    Args:
        score, decision, threshold, class_name, image_size_px: of the detection.
        name: of the image's file.
        images: uint8 `[S, S, 3]` RGB, by the text under each.
    """
    height, width = image_size_px
    fields = {
        "image": name,
        "class": class_name,
        "score": f"{score:g}",
        "threshold": None if threshold is None else f"{threshold:g}",
        "decision": decision,
        "size": f"{width} x {height} px",
    }
    text = ", ".join(
        f"{key} <b>{escape(value)}</b>" for key, value in fields.items() if value is not None
    )
    figures = "".join(
        f'<figure style="display:inline-block;margin:4px"><img alt="{escape(title)}" '
        f'src="{_data_uri(image, width, height)}"><figcaption>{escape(title)}</figcaption></figure>'
        for title, image in images.items()
    )
    return f"<div><div>{text}</div>{figures}</div>"


def _data_uri(image: ImageArray, width: int, height: int) -> str:
    share = SHOWN_PX / max(width, height)
    size = (max(1, round(width * share)), max(1, round(height * share)))
    file = io.BytesIO()
    Image.fromarray(image).resize(size).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
