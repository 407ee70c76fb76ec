"""The runtime's work around the model: reading, resizing, heatmaps, rows, the page.

A whole inspection of files alternates with the model alone on the same images, already prepared.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from diad_benchmarks.measure.rounds import seconds_of, take_turns
from diad_benchmarks.models.images import default_images, write_files
from diad_deploy.detection import Detection
from diad_deploy.detector import Detector
from diad_deploy.images.discover import ImageFile, find_images
from diad_deploy.images.preprocess import prepare, prepare_batch
from diad_deploy.images.reader import read_image
from diad_deploy.inspection.inspect import InspectionOptions, inspect
from diad_deploy.record import Record
from diad_deploy.report.image_outputs import write_heatmap, write_thumbnails

IMAGES = 16
FILE_SIZE_PX = 256
BATCH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings(Record):
    """The inspection of `pictures` files in batches of `batch`.

    Attributes:
        run_s: seconds of the whole inspection in each round, without opening the bundle.
        model_s: seconds of the model alone in the same rounds.
        overhead: median over rounds of `run_s` divided by `model_s`, minus 1.
        work_ms: milliseconds per image of each part, run alone in one thread.
    """

    backend: str
    pictures: int
    batch: int
    file_size_px: int
    run_s: tuple[float, ...]
    model_s: tuple[float, ...]
    overhead: float
    work_ms: dict[str, float]


def measure_surroundings(bundle: Path, scratch: Path, rounds: int) -> Surroundings:
    """Run both in turns; files and reports are written to `scratch`."""
    drawn = default_images(IMAGES, size_px=FILE_SIZE_PX)
    write_files(list(drawn.pixels), scratch / "files")
    files = find_images([scratch / "files"])
    with Detector.open(bundle, batch_size=BATCH) as detector:
        run_alone = _model_alone(detector, files)

        def inspect_files(index: int) -> float:
            report = scratch / f"report{index}"
            return seconds_of(partial(inspect, files, detector, report, InspectionOptions()))

        inspect_files(-1)  # warm-up of both
        found = run_alone()
        taken = take_turns(
            {"run": inspect_files, "model": lambda _: seconds_of(run_alone)}, rounds=rounds
        )
        return Surroundings(
            backend=detector.backend,
            pictures=len(files),
            batch=BATCH,
            file_size_px=FILE_SIZE_PX,
            run_s=taken.seconds["run"],
            model_s=taken.seconds["model"],
            overhead=statistics.median(taken.ratios("run", "model")) - 1,
            work_ms=_work_ms(files, detector, found, scratch / "parts"),
        )


def _model_alone(detector: Detector, files: Sequence[ImageFile]) -> Callable[[], list[Detection]]:
    """A call that runs the model alone, in batches, on images that are already prepared."""
    images = [read_image(file.path) for file in files]
    sizes = [(image.shape[0], image.shape[1]) for image in images]
    prepared = prepare_batch(images, detector.manifest.image)
    parts = [slice(start, start + BATCH) for start in range(0, len(images), BATCH)]
    return lambda: [
        found for part in parts for found in detector.detect_prepared(prepared[part], sizes[part])
    ]


def _work_ms(
    files: Sequence[ImageFile], detector: Detector, found: Sequence[Detection], folder: Path
) -> dict[str, float]:
    """Median milliseconds per image of each part, run alone."""
    folder.mkdir()
    image, heatmap = detector.manifest.image, detector.manifest.heatmap
    scale = (heatmap.low, heatmap.high)
    parts: dict[str, list[float]] = {"read": [], "prepare": [], "heatmap": [], "thumbnails": []}
    for file, detection in zip(files, found, strict=True):
        pixels = read_image(file.path)
        drawn = write_heatmap(folder, file.name, pixels, detection, scale)
        work: dict[str, Callable[[], object]] = {
            "read": partial(read_image, file.path),
            "prepare": partial(prepare, pixels, image),
            "heatmap": partial(write_heatmap, folder, file.name, pixels, detection, scale),
            "thumbnails": partial(write_thumbnails, folder, file.name, pixels, detection, drawn),
        }
        for name, run in work.items():
            parts[name].append(seconds_of(run))
    return {name: 1e3 * statistics.median(seconds) for name, seconds in parts.items()}
