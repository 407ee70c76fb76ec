"""The rows of a report: one an image, as JSON Lines and as CSV."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self

from diad_deploy.detection import Decision
from diad_deploy.detection import rounded_score as rounded_score
from diad_deploy.detection.annotations import AnnotatedImage
from diad_deploy.errors import OptionError, OutputError
from diad_deploy.files.csv_rows import to_csv
from diad_deploy.files.finite_json import loads_finite
from diad_deploy.regions import Region
from diad_deploy.report.region_json import regions_from_json

Status = Literal["ok", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """What is known of one image. The fields are those of a line of `results.jsonl`.

    `class_name` stands there as `class`. The last four are None where nothing was to decide.

    Attributes:
        image: the image's name, unique in the report.
        path: where it was read from, as given.
        status: `ok`, or `failed` where it could not be read or has no finite result.
        score: the image score, six significant digits; higher is more anomalous. None if failed.
        reason: why it failed, one line. None if it did not.
        width: of the image in pixels, turned upright. None if failed.
        height: the same.
        heatmap: its heatmap's path in the report's folder, with forward slashes. None if failed.
        map: the raw anomaly map's path. None if failed or not asked for.
        size_bytes: of the image's file; with `modified_ns` it tells whether the file changed.
            None if there is no file.
        modified_ns: when the image's file was last changed, in nanoseconds since 1970.
        class_name: the image's class, where it was given, or has a threshold of its own.
        threshold: the score above which the image is defective.
        decision: `good` or `defect`. None if failed.
        margin: score minus threshold, in the score's units; above 0 is `defect`. None if failed.
        regions: where the anomaly map stands out, highest peak first. None if failed.
        note: what of the file was not read: it has several pages or frames. None for nothing.
    """

    picture: str
    path: str
    status: Status
    score: float | None = None
    reason: str | None = None
    width: int | None = None
    height: int | None = None
    heatmap: str | None = None
    map: str | None = None
    size_bytes: int | None = None
    modified_ns: int | None = None
    class_name: str | None = None
    threshold: float | None = None
    decision: Decision | None = None
    margin: float | None = None
    regions: tuple[Region, ...] | None = None
    note: str | None = None

    def annotated(self) -> AnnotatedImage:
        """Size, score and regions, for `to_coco` and `to_label_studio`.

        Raises:
            OptionError: the image failed, or the run had no threshold to bound regions.
        """
        if self.regions is None or None in (self.width, self.height, self.score):
            raise OptionError(
                f"{self.picture}: the row has no regions, because the image failed or the run had "
                f"no threshold; leave it out, or set a threshold with `diad-calibrate`"
            )
        return AnnotatedImage(
            file_name=self.path,
            width=self.width or 0,
            height=self.height or 0,
            score=self.score or 0.0,
            regions=self.regions,
        )


_FIELDS = tuple(field.name for field in fields(ResultRow))
_CLASS = "class"  # a word that Python keeps for itself

COLUMNS = (*(_CLASS if name == "class_name" else name for name in _FIELDS), "boxes")
"""Of `results.csv`: the fields, but `regions` is how many there are, and `boxes` a JSON list of
their [x, y, width, height]."""


def to_json_line(row: ResultRow) -> bytes:
    """One line of `results.jsonl`, UTF-8, ending in a newline.

    Bytes of a file name that are no UTF-8 stand as escaped surrogates, which Python reads back.
    """
    values = asdict(row)
    # in the place of `class_name`
    named = {_CLASS if name == "class_name" else name: value for name, value in values.items()}
    text = json.dumps(named, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def to_csv_line(row: ResultRow | None) -> bytes:
    """One line of `results.csv`, UTF-8; the line of column names for None."""
    return to_csv([COLUMNS if row is None else _cells(row)])


def _cells(row: ResultRow) -> list[object]:
    cells = [getattr(row, name) for name in _FIELDS]
    if row.regions is None:
        return [*cells, None]
    cells[_FIELDS.index("regions")] = len(row.regions)
    return [*cells, json.dumps([region.box for region in row.regions])]


def read_rows(path: str | os.PathLike[str]) -> Iterator[ResultRow]:
    """The rows of a `results.jsonl`, one at a time; a last line cut short by a kill is left out.

    Raises:
        OutputError: a line is no row, or the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                yield parse_row(line, f"{path}, line {number}")
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be read: {error.strerror or error}; check its rights"
        ) from error


def parse_row(line: bytes, where: str) -> ResultRow:
    """One line of a `results.jsonl`; `where` names it in the message.

    Fields that an earlier version did not write are None.

    Raises:
        OutputError: it is no row.
    """
    try:
        values = loads_finite(line)
        regions = regions_from_json(values.pop("regions", None))
        row = ResultRow(class_name=values.pop(_CLASS, None), regions=regions, **values)
        if not isinstance(row.picture, str) or row.status not in ("ok", "failed"):
            raise TypeError("picture or status")
        if row.status == "ok" and not isinstance(row.score, float):
            raise TypeError("score")
        if not all(isinstance(n, (float, int, type(None))) for n in (row.threshold, row.margin)):
            raise TypeError("threshold or margin")
        if row.decision not in (None, "good", "defect"):
            raise TypeError("decision")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise OutputError(
            f"{where}: expected a result as this version writes it, found another line ({error}); "
            f"take another folder, or --force to start again"
        ) from error
    return row


class ResultsFiles:
    """`results.jsonl` and `results.csv`, open for appending; each row is on disk at once.

    Both are unbuffered, so that a kill leaves at most one torn line.
    """

    def __init__(self, jsonl: Path, csv_path: Path) -> None:
        self._paths = jsonl, csv_path
        self._jsonl: BinaryIO = jsonl.open("ab", buffering=0)
        try:
            self._csv: BinaryIO = csv_path.open("ab", buffering=0)
        except OSError:
            self._jsonl.close()
            raise
        if self._csv.tell() == 0:
            _write_atomically(self._csv, to_csv_line(None))

    def append(self, row: ResultRow) -> None:
        """Write one row to both files, whole or not at all in each.

        Raises:
            OutputError: one of the files is not under its name any more.
            OSError: one cannot be written.
        """
        self.check()
        _write_atomically(self._jsonl, to_json_line(row))
        _write_atomically(self._csv, to_csv_line(row))

    def check(self) -> None:
        """Raise `OutputError` where one of the files is not under its name any more."""
        for file, path in zip((self._jsonl, self._csv), self._paths, strict=True):
            _check_there(file, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._jsonl.close()
        self._csv.close()


def _check_there(file: BinaryIO, path: Path) -> None:
    """Raise where what is written would go nowhere: hours of work would be lost in silence."""
    try:
        there = os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except OSError:
        there = False
    if not there:
        raise OutputError(
            f"{path}: was removed or replaced while the run was writing to it; go on with "
            f"--resume and leave the file until the run ends"
        )


def _write_atomically(file: BinaryIO, line: bytes) -> None:
    start = file.tell()
    rest = memoryview(line)
    try:
        # a disk that fills up takes a part first and refuses the rest
        while rest:
            rest = rest[file.write(rest) :]
    except OSError:
        file.truncate(start)
        raise
