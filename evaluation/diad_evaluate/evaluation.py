"""The evaluation of a test set, one class at a time.

files -> read, prepare (threads) -> model, in batches -> mask (threads) -> scores, maps -> metrics
"""

import hashlib
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

from diad_deploy.bundle.manifest import to_json
from diad_deploy.errors import DiadError
from diad_deploy.images.discover import ImageFile
from diad_deploy.images.reader import ImageReader
from diad_deploy.inspection.summary import Progress
from diad_deploy.labelled.labelled_image import LabelledImage
from diad_deploy.labelled.layouts.choice import LabelledSet
from diad_deploy.labelled.mask_findings import DESCRIPTIONS, CheckedMask, MaskTally
from diad_deploy.streaming.prefetch import prefetch
from diad_deploy.streaming.stream import Inspected, PreparedDetector, Stopwatch, Unread, stream
from diad_evaluate.class_images import ClassImages, class_images
from diad_evaluate.class_metrics import class_result
from diad_evaluate.mistakes import MAX_MISTAKES, Candidates, Mistake, worst
from diad_evaluate.results import ClassResult, Evaluation, ImageRow, ResultCallback

MASK_READERS = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Result:
    """An image with its result and its mask."""

    image: LabelledImage
    found: Inspected | Unread
    mask: CheckedMask = field(default_factory=CheckedMask)


def _ignore(_: object) -> None:
    """Ignore the progress."""


def evaluate(
    labelled: LabelledSet,
    detector: PreparedDetector,
    *,
    reader: ImageReader | None = None,
    bundle_name: str = "bundle",
    mistakes: int = MAX_MISTAKES,
    progress: Callable[[Progress], None] = _ignore,
    on_stopped: ResultCallback = _ignore,
) -> Evaluation:
    """Run the detector over a test set and compute the metrics of one class after another.

    An image that cannot be read or has no finite result, or whose mask cannot be read, gets a row
    with the reason, and the run continues. The maps of one class are kept in memory, or in
    temporary files if they exceed a gigabyte.

    Args:
        labelled: the images, grouped by class.
        detector: an open `Detector`.
        reader: reads the images; None reads them with default options.
        bundle_name: the name of the bundle in the result.
        mistakes: the most false alarms, and the most misses, to draw; 0 draws none.
        progress: called after each image.
        on_stopped: called with the result of all complete classes if an error or Ctrl-C ends the
            run.

    Raises:
        BackendError: the model failed.
        EvaluationError: the model returned maps that are not finite.
        KeyboardInterrupt: the run was interrupted.
    """
    run = _Run(labelled, detector, reader or ImageReader(), bundle_name, mistakes, progress)
    try:
        run.run_classes()
    except (DiadError, KeyboardInterrupt):
        if run.classes:
            # the first error is the one to report
            with suppress(DiadError):
                on_stopped(run.result(stopped=True))
        raise
    return run.result(stopped=False)


class _Run:
    """The state of a run."""

    def __init__(
        self,
        labelled: LabelledSet,
        detector: PreparedDetector,
        reader: ImageReader,
        bundle_name: str,
        mistakes: int,
        progress: Callable[[Progress], None],
    ) -> None:
        self.classes: list[ClassResult] = []
        self._began = time.perf_counter()
        self._stopwatch = Stopwatch()
        self._metric_seconds = 0.0
        self._labelled = labelled
        self._detector = detector
        self._reader = reader
        self._bundle_name = bundle_name
        self._limit = mistakes
        self._progress = progress
        self._rows: list[ImageRow] = []
        self._done = 0
        self._failed = 0
        self._false_alarms: list[Mistake] = []
        self._misses: list[Mistake] = []

    def run_classes(self) -> None:
        """Run all images; compute the metrics of a class when it is complete."""
        results = self._results()
        checked = prefetch(
            self._check_mask,
            zip(self._labelled.images, results, strict=True),
            threads=MASK_READERS,
            ahead=self._detector.batch_size + MASK_READERS,
        )
        sizes = {
            product: sum(1 for _ in group)
            for product, group in groupby(self._labelled.images, lambda each: each.product)
        }
        with closing(results), closing(checked):
            for product, group in groupby(checked, lambda each: each.image.product):
                self._run_class(product, group, sizes[product])

    def _results(self) -> Generator[Inspected | Unread, None, None]:
        files = (ImageFile(path=p.path, name=p.name) for p in self._labelled.images)
        return stream(files, self._detector, self._stopwatch, reader=self._reader)

    def _check_mask(self, item: tuple[LabelledImage, Inspected | Unread]) -> _Result:
        """Read the mask of an image; runs in a thread."""
        image, found = item
        if isinstance(found, Unread):
            return _Result(image=image, found=found)
        size_px = self._detector.manifest.image.size_px
        mask = image.check_mask(size_px, image_size_px=found.detection.image_size_px)
        return _Result(image=image, found=found, mask=mask)

    def _run_class(self, product: str, results: Iterable[_Result], count: int) -> None:
        scale = self._detector.manifest.heatmap
        candidates = Candidates((scale.low, scale.high), self._limit)
        masks = MaskTally()
        rows: list[ImageRow] = []
        with class_images(count, self._detector.manifest.image.size_px) as images:
            for each in results:
                rows.append(_row(each))
                if isinstance(each.found, Inspected):
                    _add(each, each.found, images, masks)
                    candidates.add(each.image, each.found, each.mask.marked)
                self._report_progress(failed=isinstance(each.found, Unread))
            began = time.perf_counter()
            failed = sum(row.status == "failed" for row in rows)
            result = class_result(product, images, masks, failed=failed)
            self._metric_seconds += time.perf_counter() - began
        self._rows += rows
        self.classes.append(result)
        if result.threshold is not None:
            false_alarms, misses = candidates.mistakes(result.threshold)
            self._false_alarms = list(worst([*self._false_alarms, *false_alarms], self._limit))
            self._misses = list(worst([*self._misses, *misses], self._limit))

    def _report_progress(self, *, failed: bool) -> None:
        self._done += 1
        self._failed += failed
        total = len(self._labelled.images)
        self._progress(Progress(done=self._done, failed=self._failed, total=total))

    def result(self, *, stopped: bool) -> Evaluation:
        """The result of all complete classes."""
        manifest = self._detector.manifest
        return Evaluation(
            data=str(self._labelled.folder),
            layout=self._labelled.layout.name,
            bundle=self._bundle_name,
            bundle_sha256=hashlib.sha256(to_json(manifest).encode()).hexdigest(),
            backend=self._detector.backend,
            devices=self._detector.devices,
            backend_reason=self._detector.backend_reason,
            classes=tuple(self.classes),
            rows=tuple(self._rows),
            false_alarms=tuple(self._false_alarms),
            misses=tuple(self._misses),
            warnings=self._reader.warnings(),
            stopped=stopped,
            seconds=time.perf_counter() - self._began,
            model_seconds=self._stopwatch.seconds,
            metric_seconds=self._metric_seconds,
        )


def _add(result: _Result, found: Inspected, images: ClassImages, masks: MaskTally) -> None:
    """Add an image to those of its class."""
    images.add(defective=bool(result.image.defective), score=found.detection.score)
    if result.mask.marked is not None:
        images.add_map(found.detection.anomaly_map, result.mask.marked)
    masks.add(result.image.name, result.mask.findings)


def _row(result: _Result) -> ImageRow:
    image, found = result.image, result.found
    row = partial(ImageRow, picture=image.name, product=image.product, kind=image.kind)
    if isinstance(found, Unread):
        return row(status="failed", reason=found.reason)
    mask = result.mask
    return row(
        status="ok" if mask.fault is None else "mask failed",
        score=found.detection.score,
        reason=mask.fault,
        mask="; ".join(DESCRIPTIONS[finding] for finding in mask.findings) or None,
    )
