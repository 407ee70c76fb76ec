"""Resuming a report: the rows that stay, and the results in the order of the images."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from diad_deploy.images.discover import ImageFile
from diad_deploy.report import folder as layout
from diad_deploy.report.lost_files import check_row_count
from diad_deploy.report.ranking import HighestScores
from diad_deploy.report.results import ResultRow, parse_row, read_rows, to_csv_line


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedImages:
    """The images of an earlier run that need not run again.

    Attributes:
        names: their names.
        highest: the highest scores among them.
    """

    names: frozenset[str]
    highest: HighestScores


def keep_finished(folder: Path, images: Sequence[ImageFile]) -> FinishedImages:
    """Remove the rows of all images that have to run again.

    A row stays if its image was read, its outputs exist, and the image file has not changed since;
    failed images run again. Rows of images that are not in `images` stay as well: an image that
    was moved away after its inspection keeps its result.

    Args:
        folder: the report's folder.
        images: the images of this run, in order.

    Raises:
        OutputError: the results cannot be read or written.
    """
    path = folder / layout.RESULTS
    # indices, not files: for very many images only the names fit in memory
    places = {file.name: place for place, file in enumerate(images)}
    finished = {
        row.picture
        for row in read_rows(path)
        if row.picture not in places or _is_finished(folder, row, images[places[row.picture]])
    }
    # images that are now among the highest have no thumbnails and run again
    finished -= {
        name
        for name in _highest(path, finished).names()
        if name in places and not _has_thumbnails(folder, name)
    }
    rewrite_results(folder, places, keep=finished)
    highest = _highest(path, finished)
    with layout.writing_to(folder):
        for name in finished.difference(highest.names()):
            layout.remove_thumbnails(folder, name)
    return FinishedImages(names=frozenset(finished), highest=highest)


def rewrite_results(
    folder: Path,
    order: Iterable[str],
    *,
    keep: Container[str] | None = None,
    expected: int = 0,
) -> None:
    """Rewrite both files of results from the rows in `results.jsonl`.

    Afterwards they agree, have no incomplete lines, and are in the order of `order`, followed by
    the rows of all other images.

    Args:
        folder: the report's folder.
        order: the names of images.
        keep: the names of the rows to keep; None keeps all.
        expected: the number of rows that were written.

    Raises:
        OutputError: the files cannot be read or written, or have fewer rows than expected. They
            are then left as they are.
    """
    path, table = folder / layout.RESULTS, folder / layout.TABLE
    places = {name: place for place, name in enumerate(order)}
    with layout.writing_to(folder):
        lines = sorted(
            (places.get(row.picture, len(places)), offset)
            for offset, row in _read_with_offsets(path)
            if keep is None or row.picture in keep
        )
        check_row_count(path, len(lines), expected)
        with layout.replacing(table) as new_table, layout.replacing(path) as new_path:
            _copy_rows(path, [offset for _, offset in lines], new_path, new_table)


def _copy_rows(path: Path, offsets: list[int], new_path: Path, new_table: Path) -> None:
    path.touch()
    with path.open("rb") as old, new_path.open("wb") as rows, new_table.open("wb") as table:
        table.write(to_csv_line(None))
        for offset in offsets:
            old.seek(offset)
            line = old.readline()
            rows.write(line)
            table.write(to_csv_line(parse_row(line, str(path))))


def _read_with_offsets(path: Path) -> Iterator[tuple[int, ResultRow]]:
    """Each row with the position of its line."""
    if not path.exists():
        return
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


def _highest(path: Path, images: Container[str]) -> HighestScores:
    highest = HighestScores()
    for row in read_rows(path):
        if row.score is not None and row.picture in images:
            highest.add(row.picture, row.score)
    return highest
