"""What a report has lost while it was being written: rows, heatmaps, raw maps."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from diad_deploy.errors import OutputError
from diad_deploy.report import folder as layout
from diad_deploy.report.results import ResultRow


def check_rows(folder: Path, expected: int) -> None:
    """Raise `OutputError` where `results.jsonl` has fewer rows than were written to it.

    Args:
        folder: the report's.
        expected: how many there were.
    """
    path, found = folder / layout.RESULTS, 0
    with layout.writing_to(folder):
        if path.exists():
            with path.open("rb") as file:
                found = sum(line.endswith(b"\n") for line in file)
    if found < expected:
        raise OutputError(
            f"{path}: expected {expected} rows, found {found}: it was changed while the run was "
            f"writing to it; go on with --resume"
        )


class LostOutputs:
    """Looks for the files that rows name, as the rows go by.

    Args:
        folder: the report's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lost: list[str] = []

    def looking(self, rows: Iterable[ResultRow]) -> Iterator[ResultRow]:
        """The same rows."""
        for row in rows:
            for name in (row.heatmap, row.map):
                # not a `Path`: there may be very many
                if name is not None and not os.path.exists(f"{self._folder}/{name}"):  # noqa: PTH110
                    self._lost.append(row.picture)
            yield row

    def check(self, images: Iterable[str]) -> None:
        """Raise `OutputError` where files are lost that going on would write again.

        Args:
            images: names of those that were given.
        """
        given = frozenset(images) if self._lost else frozenset()
        count = sum(image in given for image in self._lost)
        if count:
            raise OutputError(
                f"{self._folder}: {count} of its heatmaps and maps were removed while the run was "
                f"writing to it; go on with --resume, which writes them again"
            )
