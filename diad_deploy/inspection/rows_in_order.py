"""Rows from several threads, written in the images' order as soon as they can be."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Lock

from diad_deploy.inspection.summary import Progress
from diad_deploy.report import folder as layout
from diad_deploy.report.results import ResultRow, ResultsFiles


class RowsInOrder:
    """Takes rows in any order; writes each once those before it are written.

    Args:
        files: where rows go.
        folder: the report's.
        progress: called once at the start and after each row, one call at a time.
        total: images in the run.
        done: images that have their rows from an earlier run.
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
        """How many rows are in the files."""
        return self._next

    def put(self, place: int, row: ResultRow, dropped: tuple[str, ...] = ()) -> None:
        """Take the row of the image at `place`, counted from 0.

        Args:
            place: of the image among those of this run.
            row: its row; its other files are written already.
            dropped: images that this one drives out of the highest: their thumbnails go.

        Raises:
            OSError: a row cannot be written, this one or one that it was waited for.
        """
        with self._lock:
            self._waiting[place] = row, dropped
            while self._next in self._waiting:
                self._write(*self._waiting.pop(self._next))
                self._next += 1

    def _write(self, row: ResultRow, dropped: tuple[str, ...]) -> None:
        self._files.append(row)
        # only now, in order: before, the other image's thread might still be writing them
        for image in dropped:
            if image != row.picture:
                layout.remove_thumbnails(self._folder, image)
        failed = self._now.failed + (row.status == "failed")
        self._now = replace(self._now, done=self._now.done + 1, failed=failed)
        self._progress(self._now)
