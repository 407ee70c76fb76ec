"""Time and memory of all metrics at MVTec-AD's size.

The maps and masks are synthetic, as many per class as MVTec-AD's test set has; no model runs.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from diad_deploy.arrays import BoolArray, FloatArray
from diad_deploy.labelled.mask_findings import MaskTally
from diad_evaluate.class_images import class_images
from diad_evaluate.class_metrics import class_result
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
    """The cost of an evaluation.

    Attributes:
        pictures, pixels: number of images and pixels of all classes.
        drawing_seconds: time for drawing the maps, which is not part of an evaluation.
        metric_seconds: time for all metrics and curves of all classes.
        slowest_class_seconds: of that, the time for the slowest class.
        peak_bytes: peak memory of the process, libraries included; None if unknown.
        figures: the metrics of each class.
    """

    pictures: int
    pixels: int
    drawing_seconds: float
    metric_seconds: float
    slowest_class_seconds: float
    peak_bytes: int | None
    figures: dict[str, Figures]

    def __str__(self) -> str:
        peak = "unknown" if self.peak_bytes is None else f"{self.peak_bytes / 1e9:.2f} GB"
        return (
            f"{self.pictures} maps, {self.pixels / 1e6:.0f} million pixels\n"
            f"metrics {self.metric_seconds:.1f} s (slowest class "
            f"{self.slowest_class_seconds:.1f} s); drawing {self.drawing_seconds:.1f} s\n"
            f"peak memory of the process: {peak}"
        )


def measure(classes: dict[str, tuple[int, int]], size_px: int) -> Measured:
    """Draw each class and compute its metrics, one class at a time as an evaluation does."""
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
) -> Iterator[tuple[bool, FloatArray, BoolArray]]:
    """Smooth noise, raised inside up to three ellipses; nearly all values differ."""
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
