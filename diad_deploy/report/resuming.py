"""Go on with a report that was begun: which rows stay, and how the files come out in order."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from diad_deploy.images.discover import ImageFile
from diad_deploy.report import folder as layout
from diad_deploy.report.ranking import Highest
from diad_deploy.report.results import ResultRow, parse_row, read_rows, to_csv_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What stays of an earlier run.

    Attributes:
        images: names of those that need not be done again.
        highest: the highest scores among them.
    """

    pictures: frozenset[str]
    highest: Highest


def keep_finished(folder: Path, given: Sequence[ImageFile]) -> Kept:
    """Strike from the results what must be done again.

    A row stays where its image was read, its outputs are there, and the image's file has not
    changed since; so failures are tried again. Rows of images that are not among those given
    stay too: an image that was moved away after its inspection keeps its result.

    Args:
        folder: the report's.
        given: the images of this run, in order.

    Raises:
        OutputError: the results cannot be read or written.
    """
    path = folder / layout.RESULTS
    # places, not files: of very many images only the names are in memory
    places = {file.name: place for place, file in enumerate(given)}
    kept = {
        row.picture
        for row in read_rows(path)
        if row.picture not in places or _is_finished(folder, row, given[places[row.picture]])
    }
    # among the highest because another was struck: the thumbnails are gone, so do it again
    kept -= {
        name
        for name in _highest(path, kept).names()
        if name in places and not _has_thumbnails(folder, name)
    }
    settle(folder, places, keep=kept)
    highest = _highest(path, kept)
    with layout.writing_to(folder):
        for name in kept.difference(highest.names()):
            layout.remove_thumbnails(folder, name)
    return Kept(pictures=frozenset(kept), highest=highest)


def settle(folder: Path, order: Iterable[str], *, keep: Container[str] | None = None) -> None:
    """Write both files of results afresh from the rows in `results.jsonl`.

    Afterwards they agree, have no torn lines, and stand in the order of the names given, with
    the rows of all others behind.

    Args:
        folder: the report's.
        order: names of images.
        keep: names of the rows to keep; None keeps all.

    Raises:
        OutputError: they cannot be read or written.
    """
    path, table = folder / layout.RESULTS, folder / layout.TABLE
    places = {name: place for place, name in enumerate(order)}
    with layout.writing_to(folder):
        path.touch()
        lines = sorted(
            (places.get(row.picture, len(places)), offset)
            for offset, row in _lines(path)
            if keep is None or row.picture in keep
        )
        with layout.replacing(table) as new_table, layout.replacing(path) as new_path:
            _copy_rows(path, [offset for _, offset in lines], new_path, new_table)


def _copy_rows(path: Path, offsets: list[int], new_path: Path, new_table: Path) -> None:
    with path.open("rb") as old, new_path.open("wb") as rows, new_table.open("wb") as table:
        table.write(to_csv_line(None))
        for offset in offsets:
            old.seek(offset)
            line = old.readline()
            rows.write(line)
            table.write(to_csv_line(parse_row(line, str(path))))


def _lines(path: Path) -> Iterator[tuple[int, ResultRow]]:
    """Where each row begins, and the row."""
    offset = 0
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield offset, parse_row(line, str(path))
            offset += len(line)


def _is_finished(folder: Path, row: ResultRow, file: ImageFile) -> bool:
    if row.status != "ok" or file.identity() != (row.size_bytes, row.modified_ns):
        return False
    return all((folder / path).is_file() for path in (row.heatmap, row.map) if path is not None)


def _has_thumbnails(folder: Path, image: str) -> bool:
    paths = (layout.thumbnail_path(image, kind) for kind in layout.THUMBNAIL_KINDS)
    return all((folder / path).is_file() for path in paths)


def _highest(path: Path, kept: Container[str]) -> Highest:
    highest = Highest()
    for row in read_rows(path):
        if row.score is not None and row.picture in kept:
            highest.offer(row.picture, row.score)
    return highest
