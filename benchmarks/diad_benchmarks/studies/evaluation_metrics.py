"""Time and memory of all metrics at MVTec-AD's size.

Maps and masks are drawn, as many a class as MVTec-AD's test set has; the model does not run.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click
import numpy as np
from scipy.ndimage import gaussian_filter

from diad_deploy.arrays import BoolArray
from diad_deploy.cli.console import run_command
from diad_evaluate.class_images import class_images
from diad_evaluate.class_metrics import MaskTally, class_result
from diad_evaluate.metrics.figures import Figures
from diad_export.peak_memory import peak_memory_bytes

MVTEC_AD_TEST = {
    "bottle": (20, 63),
    "cable": (58, 92),
    "capsule": (23, 109),
    "carpet": (28, 89),
    "grid": (21, 57),
    "hazelnut": (40, 70),
    "leather": (32, 92),
    "metal_nut": (22, 93),
    "pill": (26, 141),
    "screw": (41, 119),
    "tile": (33, 84),
    "toothbrush": (12, 30),
    "transistor": (60, 40),
    "wood": (19, 60),
    "zipper": (32, 119),
}
"""Good and defective test images of each class: 1,725 in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What it took.

    Attributes:
        images, pixels: of all classes.
        drawing_seconds: to draw the maps, which is no part of an evaluation.
        metric_seconds: all metrics and curves of all classes.
        slowest_class_seconds: of them, those of the class that took longest.
        peak_bytes: the most memory that the process held, libraries and all.
        figures: of each class.
    """

    pictures: int
    pixels: int
    drawing_seconds: float
    metric_seconds: float
    slowest_class_seconds: float
    peak_bytes: int | None
    figures: dict[str, Figures]


def measure(classes: dict[str, tuple[int, int]], size_px: int) -> Measured:
    """Draw each class and compute its metrics, one class after another as an evaluation does."""
    began = time.perf_counter()
    seconds, figures = [], {}
    for seed, (product, (good, defective)) in enumerate(classes.items()):
        rng = np.random.default_rng(seed)
        with class_images(good + defective, size_px) as images:
            for bad, anomaly_map, mask in draw_maps(rng, good, defective, size_px):
                images.add(defective=bad, score=float(anomaly_map.max()))
                images.add_map(anomaly_map, mask)
            start = time.perf_counter()
            result = class_result(product, images, MaskTally(), failed=0)
            seconds.append(time.perf_counter() - start)
        figures[product] = result.figures
    count = sum(map(sum, classes.values()))
    return Measured(
        pictures=count,
        pixels=count * size_px * size_px,
        drawing_seconds=time.perf_counter() - began - sum(seconds),
        metric_seconds=sum(seconds),
        slowest_class_seconds=max(seconds),
        peak_bytes=peak_memory_bytes(),
        figures=figures,
    )


def draw_maps(
    rng: np.random.Generator, good: int, defective: int, size_px: int
) -> Iterator[tuple[bool, np.ndarray[tuple[int, ...], np.dtype[np.float32]], BoolArray]]:
    """Smooth noise, raised where up to three ellipses are; nearly all values differ."""
    down, across = np.mgrid[:size_px, :size_px] / size_px
    for place in range(good + defective):
        bad = place >= good
        mask = np.zeros((size_px, size_px), dtype=np.bool_)
        for _ in range(rng.integers(1, 4) if bad else 0):
            (y, x), (height, width) = rng.uniform(0.1, 0.9, 2), rng.uniform(0.02, 0.15, 2)
            mask |= ((down - y) / height) ** 2 + ((across - x) / width) ** 2 < 1
        noise = rng.standard_normal((size_px, size_px), dtype=np.float32)
        raised = noise * 0.6 + rng.uniform(0.1, 0.6) * mask
        yield bad, gaussian_filter(raised, 5.0 * size_px / 256).astype(np.float32), mask


@click.command(name="diad_benchmarks.studies.evaluation_metrics")
@click.option("--size", "size_px", type=click.IntRange(min=16), default=256, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print everything, as JSON.")
def command(size_px: int, as_json: bool) -> None:
    """Time all metrics on drawn maps, as many as MVTec-AD has, and the memory they take.

    Example: python -m diad_benchmarks.studies.evaluation_metrics --json
    """
    found = measure(MVTEC_AD_TEST, size_px)
    click.echo(json.dumps(asdict(found), indent=2) if as_json else as_text(found))


def as_text(found: Measured) -> str:
    """A few lines."""
    peak = "unknown" if found.peak_bytes is None else f"{found.peak_bytes / 1e9:.2f} GB"
    return "\n".join(
        [
            f"{found.pictures} maps, {found.pixels / 1e6:.0f} million pixels",
            f"metrics {found.metric_seconds:.1f} s (slowest class "
            f"{found.slowest_class_seconds:.1f} s); drawing {found.drawing_seconds:.1f} s",
            f"most memory of the process: {peak}",
        ]
    )


if __name__ == "__main__":
    run_command(command)
