"""Writes rows from several threads in the order of the images."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Lock

from diad_deploy.inspection.summary import Progress
from diad_deploy.report import folder as layout
from diad_deploy.report.results import ResultRow, ResultsFiles


class RowsInOrder:
    """Accepts rows in any order, and writes each as soon as all rows before it are written.

    Args:
        files: the files of results.
        folder: the report's folder.
        progress: called at the start and after each row, one call at a time.
        total: the number of images in the run.
        done: the number of images with rows from an earlier run.
    """

    def __init__(
        self,
        files: ResultsFiles,
        folder: Path,
        progress: Callable[[Progress], None],
        *,
        total: int,
        done: int,
    ) -> None:
        self._files = files
        self._folder = folder
        self._progress = progress
        self._now = Progress(done=done, failed=0, total=total)
        self._lock = Lock()
        self._next = 0
        self._waiting: dict[int, tuple[ResultRow, tuple[str, ...]]] = {}
        progress(self._now)

    @property
    def written(self) -> int:
        """The number of rows written."""
        return self._next

    def put(self, place: int, row: ResultRow, dropped: tuple[str, ...] = ()) -> None:
        """Add the row of an image, and write all rows that are next in order.

        Args:
            place: the index of the image in this run.
            row: its row; its other files are already written.
            dropped: images that this image displaces from the highest scores; their thumbnails
                are removed.

        Raises:
            OSError: a row cannot be written, this one or one that waited for it.
        """
        with self._lock:
            self._waiting[place] = row, dropped
            while self._next in self._waiting:
                self._write(*self._waiting.pop(self._next))
                self._next += 1

    def _write(self, row: ResultRow, dropped: tuple[str, ...]) -> None:
        self._files.append(row)
        # only now: earlier, the thread of the other image could still be writing them
        for image in dropped:
            if image != row.picture:
                layout.remove_thumbnails(self._folder, image)
        failed = self._now.failed + (row.status == "failed")
        self._now = replace(self._now, done=self._now.done + 1, failed=failed)
        self._progress(self._now)
