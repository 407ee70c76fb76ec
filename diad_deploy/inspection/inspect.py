"""Images in, a report out, written as the results come.

files -> read, prepare (threads) -> model, in batches -> draw, write (threads) -> one row each
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from diad_deploy import __version__
from diad_deploy.errors import DiadError, OutputError
from diad_deploy.images.discover import ImageFile
from diad_deploy.images.reader import ImageReader
from diad_deploy.inspection.identity import identify_run
from diad_deploy.inspection.options import InspectionOptions as InspectionOptions
from diad_deploy.inspection.rows import failed_row, write_image
from diad_deploy.inspection.rows_in_order import RowsInOrder
from diad_deploy.inspection.summary import Progress, Summary, no_progress
from diad_deploy.log import get_logger
from diad_deploy.report import folder as layout
from diad_deploy.report.decision_counts import DecisionCounts
from diad_deploy.report.folder_lock import LockedFolder, lock_folder
from diad_deploy.report.lost_files import MissingOutputs, check_row_count
from diad_deploy.report.page.render import PageFacts, write_page
from diad_deploy.report.ranking import HighestScores, rank
from diad_deploy.report.results import ResultsFiles, read_rows, rounded_score
from diad_deploy.report.resuming import keep_finished, rewrite_results
from diad_deploy.report.run_record import (
    begin_report,
    read_image_statistics,
    update_record,
)
from diad_deploy.streaming.prefetch import prefetch
from diad_deploy.streaming.stream import Inspected, PreparedDetector, Stopwatch, Unread, stream

log = get_logger(__name__)

WRITERS = 2
MAX_HIGHEST = 12
"""The number of highest scores in a summary."""


def inspect(
    images: Sequence[ImageFile],
    detector: PreparedDetector,
    output: str | os.PathLike[str],
    options: InspectionOptions,
    *,
    progress: Callable[[Progress], None] = no_progress,
) -> Summary:
    """Run the detector over the images and write the report (see `diad_deploy.report`).

    An image that cannot be read, or whose result is not finite, gets a row with the reason. When
    an error or Ctrl-C stops the run, all finished images are kept and the page is written.

    Args:
        images: in the order of the results.
        detector: an open `Detector`.
        output: the report's folder.
        options: how to inspect them.
        progress: called after each row, from other threads but one call at a time.

    Raises:
        OutputError: the folder is taken, belongs to another run, or cannot be written.
        ThresholdsError: the thresholds belong to another bundle.
        BackendError: the model failed.
        KeyboardInterrupt: Ctrl-C, after the page is written.
    """
    folder = Path(output)
    with lock_folder(folder) as locked:
        return inspect_locked(images, detector, folder, locked, options, progress)


def inspect_locked(
    images: Sequence[ImageFile],
    detector: PreparedDetector,
    folder: Path,
    locked: LockedFolder,
    options: InspectionOptions,
    progress: Callable[[Progress], None],
) -> Summary:
    """`inspect` in a folder that is already locked."""
    options.decider.check_belongs(detector.manifest)
    locked.check_names(file.name for file in images)
    run = _Run(images, detector, folder, options, progress)
    try:
        run.write_rows()
        locked.check()
        return run.finish(stopped=False)
    except (DiadError, KeyboardInterrupt) as error:
        # if the folder was removed, that is the cause of the error
        if isinstance(error, OutputError):
            locked.check()
        # this may fail as well, on a full disk, and must not hide the first error
        with suppress(DiadError):
            locked.check()
            run.finish(stopped=True)
        raise


class _Run:
    """The state of a run."""

    def __init__(
        self,
        images: Sequence[ImageFile],
        detector: PreparedDetector,
        folder: Path,
        options: InspectionOptions,
        progress: Callable[[Progress], None],
    ) -> None:
        self._began = time.perf_counter()
        self._stopwatch = Stopwatch()
        self._images = images
        self._detector = detector
        self._folder = folder
        self._options = options
        self._progress = progress
        self._record = identify_run(
            detector,
            bundle_name=options.bundle_name,
            scale=options.scale,
            maps=options.maps,
            decider=options.decider,
            white=options.white,
        )
        self._reader = ImageReader(options.white, limit_px=options.reading.limit_px)
        self._finished: frozenset[str] = frozenset()
        self._highest = HighestScores()
        if begin_report(folder, self._record, options.existing):
            finished = keep_finished(folder, images)
            self._finished, self._highest = finished.names, finished.highest
            log.info(
                "resuming %s: %d of %d images are done", folder, len(finished.names), len(images)
            )
            statistics = read_image_statistics(folder)
            if statistics is None and self._finished:
                self._reader.tally.begin_late()
            # an edited record may lose the warnings, but does not end the run
            with suppress(KeyError, TypeError, ValueError):
                self._reader.tally.add_json(statistics or {})
        self._rows: RowsInOrder | None = None
        self._left = sum(file.name not in self._finished for file in images)

    def write_rows(self) -> None:
        """Inspect all images and write their rows."""
        # a generator: a list of all files would not fit in memory for very many images
        todo = (file for file in self._images if file.name not in self._finished)
        total = len(self._images)
        done = total - self._left
        path, table = self._folder / layout.RESULTS, self._folder / layout.TABLE
        with layout.writing_to(self._folder), ResultsFiles(path, table) as files:
            rows = RowsInOrder(files, self._folder, self._progress, total=total, done=done)
            self._rows = rows
            results = stream(
                todo,
                self._detector,
                self._stopwatch,
                reader=self._reader,
                workers=self._options.workers,
            )
            written = prefetch(
                partial(self._write, rows),
                enumerate(self._ranked(results)),
                threads=WRITERS,
                # a whole batch is drawn while the model runs the next
                ahead=self._detector.batch_size + WRITERS,
            )
            with closing(results), closing(written):
                for _ in written:
                    pass
            files.check()

    def finish(self, *, stopped: bool) -> Summary:
        """Sort the results if the run was stopped or resumed, and write the page."""
        update_record(self._folder, self._record, self._reader.tally.as_json())
        written = self._rows.written if self._rows is not None else 0
        expected = len(self._finished) + (written if stopped else self._left)
        if stopped or self._finished:
            names = (file.name for file in self._images)
            rewrite_results(self._folder, names, expected=expected)
        decider, decisions = self._options.decider, DecisionCounts()
        outputs = MissingOutputs(self._folder)
        results = self._folder / layout.RESULTS
        ranking = rank(decisions.count(outputs.scan(read_rows(results))))
        ok = ranking.scored
        check_row_count(results, ok + ranking.failed, expected)
        seconds = time.perf_counter() - self._began
        speed = max(0, ok + ranking.failed - len(self._finished)) / seconds
        passed_over = getattr(self._images, "passed_over", {})
        facts = PageFacts(
            total=len(self._finished) + self._left,
            seconds=seconds,
            pictures_per_second=speed,
            version=__version__,
            warnings=self._reader.warnings(),
            passed_over=passed_over,
        )
        report = write_page(self._folder, self._record, ranking, facts)
        log.info(
            "%s %d images in %.1f s (model %.1f s), %d failed, %d resumed; wrote %s",
            "stopped after" if stopped else "inspected",
            ok + ranking.failed,
            seconds,
            self._stopwatch.seconds,
            ranking.failed,
            len(self._finished),
            report,
        )
        if not stopped:
            outputs.check(file.name for file in self._images)
        return Summary(
            pictures=ok + ranking.failed,
            ok=ok,
            failed=ranking.failed,
            resumed=len(self._finished),
            seconds=time.perf_counter() - self._began,
            model_seconds=self._stopwatch.seconds,
            pictures_per_second=speed,
            bundle=self._record.bundle,
            backend=self._record.backend,
            devices=self._detector.devices,
            backend_reason=self._detector.backend_reason,
            output=str(self._folder),
            report=str(report),
            highest=tuple((row.picture, row.score or 0.0) for row in ranking.highest[:MAX_HIGHEST]),
            thresholds=decider.describe(self._record.backend),
            decisions=decisions.as_dict() if decider.decides else None,
            fail_on_defect=self._options.fail_on_defect,
            warnings=facts.warnings,
            passed_over=facts.passed_over,
        )

    def _ranked(
        self, results: Iterable[Inspected | Unread]
    ) -> Iterator[tuple[Inspected | Unread, tuple[str, ...]]]:
        """Each result with the images that it displaces from the highest scores, maybe itself."""
        for result in results:
            dropped: tuple[str, ...] = ()
            if isinstance(result, Inspected):
                score = rounded_score(result.detection.score)
                dropped = self._highest.add(result.file.name, score)
            yield result, dropped

    def _write(
        self, rows: RowsInOrder, item: tuple[int, tuple[Inspected | Unread, tuple[str, ...]]]
    ) -> None:
        """Draw and write the files of one image, then its row; runs in a thread."""
        place, (result, dropped) = item
        if isinstance(result, Unread):
            log.warning("%s: %s", result.file.name, result.reason)
            rows.put(place, failed_row(result))
            return
        row = write_image(
            self._folder,
            result,
            decider=self._options.decider,
            scale=self._record.scale,
            maps=self._options.maps,
            thumbnails=result.file.name not in dropped,
        )
        rows.put(place, row, dropped)
