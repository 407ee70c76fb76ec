"""Checks for rows and files of a report that were removed while it was being written."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from diad_deploy.errors import OutputError
from diad_deploy.report.results import ResultRow


def check_row_count(path: Path, found: int, expected: int) -> None:
    """Raise `OutputError` if `results.jsonl` has fewer rows than were written to it.

    Args:
        path: the file.
        found: the number of its rows.
        expected: the number of rows that were written.
    """
    if found < expected:
        raise OutputError(
            f"{path}: expected {expected} rows, found {found}: it was changed while the run was "
            f"writing to it; continue with --resume"
        )


class MissingOutputs:
    """Finds the rows whose heatmap or raw map does not exist.

    Args:
        folder: the report's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._missing: list[str] = []

    def scan(self, rows: Iterable[ResultRow]) -> Iterator[ResultRow]:
        """Yield the rows and check that their files exist."""
        for row in rows:
            for name in (row.heatmap, row.map):
                # not a `Path`, which is slow for a million rows
                if name is not None and not os.path.exists(f"{self._folder}/{name}"):  # noqa: PTH110
                    self._missing.append(row.picture)
            yield row

    def check(self, images: Iterable[str]) -> None:
        """Raise `OutputError` if files are missing that resuming would write again.

        Args:
            images: the names of the images of the run.
        """
        names = frozenset(images) if self._missing else frozenset()
        count = sum(image in names for image in self._missing)
        if count:
            raise OutputError(
                f"{self._folder}: {count} of its heatmaps and maps were removed while the run was "
                f"writing to it; continue with --resume, which writes them again"
            )
