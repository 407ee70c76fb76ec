"""The run: labelled images through the model, a class at a time.

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
from diad_deploy.labelled.mask_findings import IN_WORDS, CheckedMask, MaskTally
from diad_deploy.streaming.prefetch import prefetch
from diad_deploy.streaming.stream import Inspected, PreparedDetector, Stopwatch, Unread, stream
from diad_evaluate.class_images import ClassImages, class_images
from diad_evaluate.class_metrics import class_result
from diad_evaluate.mistakes import SHOWN, Candidates, Mistake, worst
from diad_evaluate.results import ClassResult, Evaluation, ImageRow, Tell

MASK_READERS = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Judged:
    """An image that ran, with its mask."""

    picture: LabelledImage
    found: Inspected | Unread
    mask: CheckedMask = field(default_factory=CheckedMask)


def _ignore(_: object) -> None:
    """Nobody looks."""


def evaluate(
    labelled: LabelledSet,
    detector: PreparedDetector,
    *,
    reader: ImageReader | None = None,
    bundle_name: str = "bundle",
    mistakes: int = SHOWN,
    progress: Callable[[Progress], None] = _ignore,
    stopped: Tell = _ignore,
) -> Evaluation:
    """Run the detector over a test set and compute its metrics, a class at a time.

    An image that cannot be read or has no finite result, and a mask that cannot be used, get a row
    with the reason; the others go on. In memory are the maps of one class (of a class over a
    gigabyte, a part).

    Args:
        labelled: the images; those of a class must follow each other.
        detector: an open `Detector`.
        reader: reads the images; None reads them with no options.
        bundle_name: what the result calls the bundle.
        mistakes: most false alarms and most misses to draw; 0 draws none.
        progress: called after each image.
        stopped: called with the classes that are whole where an error or Ctrl-C ends the run.

    Raises:
        BackendError: the model failed. EvaluationError: it gave maps that are no numbers.
        KeyboardInterrupt: as it came.
    """
    run = _Run(labelled, detector, reader or ImageReader(), bundle_name, mistakes, progress)
    try:
        run.run_classes()
    except (DiadError, KeyboardInterrupt):
        if run.classes:
            # the first error is the one to tell
            with suppress(DiadError):
                stopped(run.result(stopped=True))
        raise
    return run.result(stopped=False)


class _Run:
    """One run: its clock, its rows, its classes."""

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
        self._shown = mistakes
        self._progress = progress
        self._rows: list[ImageRow] = []
        self._done = 0
        self._failed = 0
        self._false_alarms: list[Mistake] = []
        self._misses: list[Mistake] = []

    def run_classes(self) -> None:
        """Run all images; metrics follow whenever a class is whole."""
        results = self._results()
        judged = prefetch(
            self._judge,
            zip(self._labelled.images, results, strict=True),
            threads=MASK_READERS,
            ahead=self._detector.batch_size + MASK_READERS,
        )
        sizes = {
            product: sum(1 for _ in group)
            for product, group in groupby(self._labelled.images, lambda each: each.product)
        }
        with closing(results), closing(judged):
            for product, group in groupby(judged, lambda each: each.picture.product):
                self._run_class(product, group, sizes[product])

    def _results(self) -> Generator[Inspected | Unread, None, None]:
        files = (ImageFile(path=p.path, name=p.name) for p in self._labelled.images)
        return stream(files, self._detector, self._stopwatch, reader=self._reader)

    def _judge(self, item: tuple[LabelledImage, Inspected | Unread]) -> _Judged:
        """Read the image's mask; runs in a thread."""
        image, found = item
        if isinstance(found, Unread):
            return _Judged(picture=image, found=found)
        size_px = self._detector.manifest.image.size_px
        mask = image.check_mask(size_px, image_size_px=found.detection.image_size_px)
        return _Judged(picture=image, found=found, mask=mask)

    def _run_class(self, product: str, judged: Iterable[_Judged], most: int) -> None:
        scale = self._detector.manifest.heatmap
        candidates = Candidates((scale.low, scale.high), self._shown)
        masks = MaskTally()
        rows: list[ImageRow] = []
        with class_images(most, self._detector.manifest.image.size_px) as images:
            for each in judged:
                rows.append(_row(each))
                if isinstance(each.found, Inspected):
                    _take(each, each.found, images, masks)
                    candidates.offer(each.picture, each.found, each.mask.marked)
                self._tell(failed=isinstance(each.found, Unread))
            began = time.perf_counter()
            failed = sum(row.status == "failed" for row in rows)
            result = class_result(product, images, masks, failed=failed)
            self._metric_seconds += time.perf_counter() - began
        self._rows += rows
        self.classes.append(result)
        if result.threshold is not None:
            false_alarms, misses = candidates.mistakes(result.threshold)
            self._false_alarms = list(worst([*self._false_alarms, *false_alarms], self._shown))
            self._misses = list(worst([*self._misses, *misses], self._shown))

    def _tell(self, *, failed: bool) -> None:
        self._done += 1
        self._failed += failed
        total = len(self._labelled.images)
        self._progress(Progress(done=self._done, failed=self._failed, total=total))

    def result(self, *, stopped: bool) -> Evaluation:
        """What the classes that are whole give."""
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


def _take(judged: _Judged, found: Inspected, images: ClassImages, masks: MaskTally) -> None:
    """Put an image that ran with those of its class."""
    images.add(defective=bool(judged.picture.defective), score=found.detection.score)
    if judged.mask.marked is not None:
        images.add_map(found.detection.anomaly_map, judged.mask.marked)
    masks.add(judged.picture.name, judged.mask.findings)


def _row(judged: _Judged) -> ImageRow:
    image, found = judged.picture, judged.found
    row = partial(ImageRow, picture=image.name, product=image.product, kind=image.kind)
    if isinstance(found, Unread):
        return row(status="failed", reason=found.reason)
    mask = judged.mask
    return row(
        status="ok" if mask.fault is None else "mask failed",
        score=found.detection.score,
        reason=mask.fault,
        mask="; ".join(IN_WORDS[finding] for finding in mask.findings) or None,
    )
