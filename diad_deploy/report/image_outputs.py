"""The files of one image: its heatmap, its raw map, and its thumbnails for the page."""

import io
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from diad_deploy.arrays import FloatArray, ImageArray
from diad_deploy.detection import Detection
from diad_deploy.detection.heatmap import draw_heatmap
from diad_deploy.report import folder as layout

MapFormat = Literal["npy", "tiff"]

THUMBNAIL_PX = 160
"""Longest side of a thumbnail."""


def write_heatmap(
    folder: Path,
    image: str,
    pixels: ImageArray,
    detection: Detection,
    scale: tuple[float, float],
) -> Image.Image:
    """Draw and write the heatmap of an image.

    Args:
        folder: the report's folder.
        image: the name of the image.
        pixels: uint8 `[H, W, 3]` RGB.
        detection: the result.
        scale: (low, high) in units of the anomaly map.

    Returns:
        The heatmap, as large as the image.

    Raises:
        OSError: the file cannot be written.
    """
    heatmap = draw_heatmap(pixels, detection.map_at_image_size(), scale)
    # run-length encoding takes a third of the time on photographs, for at most a fifth more bytes
    content = _encoded(heatmap, "PNG", compress_type=zlib.Z_RLE)
    layout.write_output(folder, layout.heatmap_path(image), content)
    return heatmap


def write_map(folder: Path, image: str, anomaly_map: FloatArray, kind: MapFormat) -> None:
    """Write the raw map, float32 `[S, S]` at the model's size.

    Raises:
        OSError: the file cannot be written.
    """
    if kind == "npy":
        file = io.BytesIO()
        np.save(file, anomaly_map)
        content = file.getvalue()
    else:
        content = _encoded(Image.fromarray(anomaly_map), "TIFF")
    layout.write_output(folder, layout.map_path(image, kind), content)


def write_thumbnails(
    folder: Path, image: str, pixels: ImageArray, detection: Detection, heatmap: Image.Image
) -> None:
    """Write the thumbnails for the page: input, reconstruction and heatmap, all of the same size.

    Raises:
        OSError: a file cannot be written.
    """
    photograph = Image.fromarray(pixels)
    photograph.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), reducing_gap=2.0)
    # the model's image is square; the reconstruction is shown in the shape of the image
    reconstruction = Image.fromarray(detection.reconstruction_rgb()).resize(photograph.size)
    small = heatmap.resize(photograph.size, reducing_gap=2.0)
    thumbnails = {"input": photograph, "reconstruction": reconstruction, "heatmap": small}
    for kind in layout.THUMBNAIL_KINDS:
        content = _encoded(thumbnails[kind], "JPEG", quality=82, optimize=True)
        layout.write_output(folder, layout.thumbnail_path(image, kind), content)


def _encoded(image: Image.Image, kind: str, **settings: int) -> bytes:
    # in memory first: on a full disk Pillow's own error has no message
    file = io.BytesIO()
    image.save(file, kind, **settings)
    return file.getvalue()
