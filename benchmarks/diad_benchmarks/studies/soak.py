"""Time and memory of long runs in which some images cannot be read."""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from diad_benchmarks.measure.apart import apart
from diad_benchmarks.models.images import demo_image
from diad_benchmarks.report.tables import make_table
from diad_benchmarks.studies.soak_images import standin_image, write_images
from diad_deploy import Detector
from diad_deploy.arrays import FloatArray, ImageArray
from diad_deploy.bundle.folder import Bundle, builtin_bundle
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.detection import Detection
from diad_deploy.detection.batch import Found
from diad_deploy.errors import DiadError
from diad_deploy.images.discover import find_images
from diad_deploy.inspection.inspect import InspectionOptions, inspect
from diad_deploy.inspection.summary import Progress
from diad_deploy.report import folder as layout
from diad_deploy.report.results import read_rows
from diad_deploy.thresholds.decide import Decider
from diad_export.peak_memory import peak_memory_bytes

THRESHOLD = 0.3
"""Threshold of the score, so that decisions and regions are computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """Measurements of one long run in a separate process.

    Attributes:
        model: the model that ran.
        pictures, faulty: number of images, and of those that cannot be read.
        early: the number of images after which `early_peak_bytes` was read.
        early_peak_bytes, peak_bytes: peak memory of the process until then and in total.
        seconds: duration of the whole run, including its page.
        pictures_per_second: images per second, over `seconds`.
        model_seconds: of `seconds`, the time in the model.
        report_bytes, page_bytes: size of the report's files together, and of its page.
        resume_seconds: duration of `--resume`, which retries the faulty images.
        resume_peak_bytes: its peak memory.
    """

    model: str
    pictures: int
    faulty: int
    early: int
    early_peak_bytes: int
    peak_bytes: int
    seconds: float
    pictures_per_second: float
    model_seconds: float
    report_bytes: int
    page_bytes: int
    resume_seconds: float
    resume_peak_bytes: int


class StandinDetector:
    """Stands in for a model: the map is the image's red channel, and the score its mean."""

    backend = "stand-in"
    backend_reason = "the model is not what is measured"
    batch_size = 8
    devices = ("cpu",)
    max_pending = 1

    def __init__(self) -> None:
        self.manifest: Manifest = Bundle.open(builtin_bundle()).manifest

    def submit_each(
        self, batch: FloatArray, image_sizes: Sequence[tuple[int, int]]
    ) -> Callable[[], list[Found]]:
        """Detections of a batch `[B, 3, S, S]`."""
        image = self.manifest.image
        red = batch[:, 0] * np.float32(image.std[0]) + np.float32(image.mean[0])
        found: list[Found] = [
            Detection(
                score=float(red[place].mean()),
                anomaly_map=red[place],
                reconstruction=batch[place],
                image_size_px=size,
                image=image,
            )
            for place, size in enumerate(image_sizes)
        ]
        return lambda: found


def soak_all(counts: dict[str, int], *, fault_every: int, work: Path | None = None) -> list[Soak]:
    """Run each model in a temporary folder below `work`.

    Args:
        counts: number of images for each model, `stand-in` and `demo`.
        fault_every: one image in this number cannot be read.
        work: None for the system's temporary folder.
    """
    draw = {"stand-in": standin_image, "demo": demo_image}
    soaks = []
    for model, count in counts.items():
        if count:
            with tempfile.TemporaryDirectory(prefix="soak-", dir=work) as folder:
                soaks.append(soak(Path(folder), model, count, draw[model], fault_every=fault_every))
    return soaks


def soak(
    work: Path, model: str, count: int, draw: Callable[[int], ImageArray], *, fault_every: int
) -> Soak:
    """Draw `count` images into `work`, inspect them, check every row, and resume.

    Args:
        work: an empty folder.
        model: `stand-in`, or `demo` for the built-in bundle.
        count: of images.
        draw: returns the image with a number.
        fault_every: one image in this number cannot be read.

    Raises:
        DiadError: a row is missing or wrong.
    """
    faulty = write_images(work / "pictures", count, fault_every=fault_every, draw=draw)
    early = count // 10
    first = apart(_run, work, model, early)
    _check_rows(work, count, faulty)
    files = [path for path in (work / "report").rglob("*") if path.is_file()]
    report_bytes = sum(path.stat().st_size for path in files)
    page_bytes = (work / "report" / layout.PAGE).stat().st_size
    again = apart(_run, work, model, early)
    _check_rows(work, count, faulty)
    return Soak(
        **first,
        model=model,
        pictures=count,
        faulty=len(faulty),
        early=early,
        pictures_per_second=count / first["seconds"],
        report_bytes=report_bytes,
        page_bytes=page_bytes,
        resume_seconds=again["seconds"],
        resume_peak_bytes=again["peak_bytes"],
    )


def _run(work: Path, model: str, early: int) -> dict[str, Any]:
    peaks: dict[int, int] = {}

    def read_peak(now: Progress) -> None:
        if now.done == early:
            peaks[early] = peak_memory_bytes() or 0

    options = InspectionOptions(
        bundle_name=model, existing="resume", decider=Decider(threshold=THRESHOLD)
    )
    opened = (
        nullcontext(StandinDetector())
        if model == "stand-in"
        else Detector.open(builtin_bundle(), thresholds=None)
    )
    with opened as detector:
        began = time.perf_counter()
        images = find_images([work / "pictures"])
        summary = inspect(images, detector, work / "report", options, progress=read_peak)
        seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "model_seconds": summary.model_seconds,
        "early_peak_bytes": peaks.get(early, 0),
        # the kernel updates its counter in batches: a later reading can be slightly lower
        "peak_bytes": max(peak_memory_bytes() or 0, *peaks.values(), 0),
    }


def _check_rows(work: Path, count: int, faulty: set[str]) -> None:
    seen: list[str] = []
    wrong = []
    for row in read_rows(work / "report" / layout.RESULTS):
        seen.append(row.picture)
        failed = row.status == "failed"
        if failed != (row.picture in faulty) or (failed and not row.reason):
            wrong.append(row.picture)
    if seen != sorted(set(seen)) or len(seen) != count or wrong:
        raise DiadError(
            f"soak: expected {count} rows in order, {len(faulty)} of them failed; found "
            f"{len(seen)}, {len(wrong)} with the wrong status: {', '.join(wrong[:3]) or 'none'}"
        )


def soak_table(soaks: list[Soak]) -> Table:
    """A table with a column per run."""
    rows: list[tuple[str, Callable[[Soak], str]]] = [
        ("images, faulty images", lambda s: f"{s.pictures:,}, {s.faulty:,}"),
        ("peak memory, first tenth", lambda s: f"{s.early_peak_bytes / 1e6:.0f} MB"),
        ("peak memory", lambda s: f"{s.peak_bytes / 1e6:.0f} MB"),
        ("time", lambda s: f"{s.seconds:.1f} s"),
        ("images/s", lambda s: f"{s.pictures_per_second:.1f}"),
        ("time in the model", lambda s: f"{s.model_seconds:.1f} s"),
        ("report", lambda s: f"{s.report_bytes / 1e6:.1f} MB"),
        ("its page", lambda s: f"{s.page_bytes / 1e6:.2f} MB"),
        ("resuming", lambda s: f"{s.resume_seconds:.1f} s"),
        ("peak memory of resuming", lambda s: f"{s.resume_peak_bytes / 1e6:.0f} MB"),
    ]
    return make_table(
        "Long runs",
        ("", *(each.model for each in soaks)),
        ((name, *map(format_value, soaks)) for name, format_value in rows),
    )
