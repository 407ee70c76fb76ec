"""`python -m demo.show`: draws the built-in images and the README's image."""

from pathlib import Path

import click
import numpy as np
from PIL import Image

from demo.drawing.dataset import PRODUCTS, Sample, draw_sample
from demo.drawing.defects import defects_for
from diad_deploy import Detector
from diad_deploy.arrays import ImageArray
from diad_deploy.bundle.folder import builtin_bundle
from diad_deploy.cli.console import run_command
from diad_deploy.detection.heatmap import draw_heatmap

BUILTIN_IMAGES = Path(__file__).parents[1] / "diad_deploy" / "builtin" / "pictures"
README_IMAGE = Path(__file__).parents[1] / "docs" / "result.png"
SHOW_SPLIT = 9
"""First number of these seeds, which no split uses."""
SIZE_PX = 256
GAP_PX = 6


def showcase() -> list[tuple[str, Sample]]:
    """A good and a defective image of every class, with different kinds of defect."""
    shown = []
    for place, product in enumerate(PRODUCTS):
        kinds = defects_for(product)
        kind = kinds[(2 * place + 1) % len(kinds)]
        good = draw_sample(product, (SHOW_SPLIT, place, 0), size_px=SIZE_PX)
        bad = draw_sample(product, (SHOW_SPLIT, place, 1), defect=kind, size_px=SIZE_PX)
        shown += [(f"{product}/good.png", good), (f"{product}/{kind}.png", bad)]
    return shown


def write_images(folder: Path) -> None:
    """Write the showcase as PNG files."""
    for name, sample in showcase():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(sample.image).save(path, optimize=True)


def write_readme_image(path: Path) -> None:
    """A row for each class: input, reconstruction and heatmap of its good and defective image."""
    samples = [sample for _, sample in showcase()]
    with Detector.open(builtin_bundle()) as detector:
        found = detector.detect([sample.image for sample in samples])
        scale = detector.manifest.heatmap
    rows: dict[str, list[ImageArray]] = {}
    for sample, detection in zip(samples, found, strict=True):
        side = detection.image.size_px
        small = np.asarray(Image.fromarray(sample.image).resize((side, side)))
        heat = draw_heatmap(small, detection.anomaly_map, (scale.low, scale.high))
        tiles = [small, detection.reconstruction_rgb(), np.asarray(heat)]
        rows.setdefault(sample.product, []).extend(tiles)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(_sheet(list(rows.values()))).save(path, optimize=True)


def _sheet(rows: list[list[ImageArray]]) -> ImageArray:
    side = len(rows[0][0])
    height = len(rows) * (side + GAP_PX) - GAP_PX
    width = len(rows[0]) * (side + GAP_PX) - GAP_PX
    sheet = np.full((height, width, 3), 255, dtype=np.uint8)
    for y, row in enumerate(rows):
        for x, tile in enumerate(row):
            top, left = y * (side + GAP_PX), x * (side + GAP_PX)
            sheet[top : top + side, left : left + side] = tile
    return sheet


@click.command()
def command() -> None:
    """Draw the built-in images, and the README's image with the built-in bundle.

    Example: python -m demo.show
    """
    write_images(BUILTIN_IMAGES)
    write_readme_image(README_IMAGE)
    click.echo(f"wrote {BUILTIN_IMAGES} and {README_IMAGE}")


if __name__ == "__main__":
    run_command(command)
