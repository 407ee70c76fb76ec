"""Go on with a report that was begun: which rows stay, and how the files come out in order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from diad_deploy.errors import OutputError
from diad_deploy.report import folder as layout
from diad_deploy.report.ranking import Highest
from diad_deploy.report.results import ResultRow, parse_row, read_rows, to_csv_line

Identity = tuple[int, int]
"""A file's size in bytes and its time of change in nanoseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What stays of an earlier run.

    Attributes:
        pictures: names of those that need not be done again.
        highest: the highest scores among them.
    """

    pictures: frozenset[str]
    highest: Highest


def keep_finished(folder: Path, identities: Mapping[str, Identity | None]) -> Kept:
    """Strike the rows that must be done again from the results.

    A row stays where its picture was read, its files are there, and the picture's file has not
    changed since. So failures are tried again. Rows of pictures that are not among those given
    stay too: a picture that has since been moved away keeps its result.

    Args:
        folder: the report's.
        identities: of each picture given, by name; None where there is no such file.

    Raises:
        OutputError: the results cannot be read or written.
    """
    path = folder / layout.RESULTS
    kept = {row.picture for row in read_rows(path) if _is_finished(folder, row, identities)}
    # what has come into the highest since an earlier run's page has no thumbnails yet
    for name in _ranked(path, kept).names():
        if name in identities and not _has_thumbnails(folder, name):
            kept.discard(name)
    with layout.writing_to(folder):
        order = {name: place for place, name in enumerate(identities)}
        _rewrite(folder, [line for line in _lines(path, order) if line.row.picture in kept])
    return Kept(pictures=frozenset(kept), highest=_ranked(path, kept))
