"""The rows of a report, one per image, as JSON Lines and as CSV."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePath
from types import TracebackType
from typing import BinaryIO, Literal, Self

from diad_deploy.detection import Decision
from diad_deploy.detection import rounded_score as rounded_score
from diad_deploy.detection.annotations import AnnotatedImage
from diad_deploy.errors import OptionError, OutputError
from diad_deploy.files.csv_rows import to_csv
from diad_deploy.files.strict_json import loads_finite
from diad_deploy.regions import Region
from diad_deploy.report.region_json import regions_from_json

Status = Literal["ok", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """The result of one image. The fields are those of a line of `results.jsonl`.

    In the files `class_name` is called `class`. `threshold`, `decision`, `margin` and `regions`
    are None where no threshold applied.

    Attributes:
        picture: the name of the image, unique in the report.
        path: the path of the image, as given.
        status: `ok`, or `failed` if the image could not be read or has no finite result.
        score: the image score, six significant digits; higher is more anomalous. None if failed.
        reason: the reason of the failure, one line. None if `ok`.
        width: the width of the upright image in pixels. None if failed.
        height: the height of the upright image in pixels. None if failed.
        heatmap: the path of the heatmap in the report, with forward slashes. None if failed.
        map: the path of the raw anomaly map. None if failed or not requested.
        size_bytes: the size of the image file, which with `modified_ns` shows whether the file
            has changed. None if there is no file.
        modified_ns: the file's modification time, in nanoseconds since 1970.
        class_name: the class of the image, if it was given or has its own threshold.
        threshold: the score above which the image is defective.
        decision: `good` or `defect`. None if failed.
        margin: score minus threshold, in the score's units; above 0 is `defect`. None if failed.
        regions: the anomalous regions, highest peak first. None if failed.
        note: the parts of the file that were not read: further pages or frames. None if none.
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
            file_name=PurePath(self.path).as_posix(),
            width=self.width or 0,
            height=self.height or 0,
            score=self.score or 0.0,
            regions=self.regions,
        )


_FIELDS = tuple(field.name for field in fields(ResultRow))
_CLASS = "class"  # a keyword in Python

COLUMNS = (*(_CLASS if name == "class_name" else name for name in _FIELDS), "boxes")
"""The columns of `results.csv`: the fields, where `regions` is the number of regions, and `boxes`,
a JSON list of their [x, y, width, height]."""


def to_json_line(row: ResultRow) -> bytes:
    """One line of `results.jsonl`, UTF-8, ending in a newline.

    Bytes of a file name that are not UTF-8 are written as escaped surrogates.
    """
    values = asdict(row)
    named = {_CLASS if name == "class_name" else name: value for name, value in values.items()}
    text = json.dumps(named, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def to_csv_line(row: ResultRow | None) -> bytes:
    """One line of `results.csv`, UTF-8; None gives the header."""
    return to_csv([COLUMNS if row is None else _cells(row)])


def _cells(row: ResultRow) -> list[object]:
    cells = [getattr(row, name) for name in _FIELDS]
    if row.regions is None:
        return [*cells, None]
    cells[_FIELDS.index("regions")] = len(row.regions)
    return [*cells, json.dumps([region.box for region in row.regions])]


def read_rows(path: str | os.PathLike[str]) -> Iterator[ResultRow]:
    """Read the rows of a `results.jsonl` one by one, without an incomplete last line.

    Args:
        path: the file; without it there are no rows.

    Raises:
        OutputError: a line is not a row, or the file cannot be read.
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
            f"{path}: cannot be read: {error.strerror or error}; check its permissions"
        ) from error


def parse_row(line: bytes, where: str) -> ResultRow:
    """Parse one line of a `results.jsonl`; `where` names it in the message.

    Fields that an earlier version did not write are None.

    Raises:
        OutputError: the line is not a row.
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
            f"{where}: expected a result as written by this version, found something else "
            f"({error}); choose another folder, or use --force to start again"
        ) from error
    return row


class ResultsFiles:
    """`results.jsonl` and `results.csv`, open for appending.

    Both are unbuffered: each row reaches the disk at once, and a killed run leaves at most one
    incomplete line.
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
        """Append one row to both files; an incomplete line is removed again.

        Raises:
            OutputError: one of the files was removed or replaced.
            OSError: one of the files cannot be written.
        """
        self.check()
        _write_atomically(self._jsonl, to_json_line(row))
        _write_atomically(self._csv, to_csv_line(row))

    def check(self) -> None:
        """Raise `OutputError` if one of the files was removed or replaced."""
        for file, path in zip((self._jsonl, self._csv), self._paths, strict=True):
            _check_exists(file, path)

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


def _check_exists(file: BinaryIO, path: Path) -> None:
    """Raise if the open file has lost its name, so that all further rows would be lost."""
    try:
        exists = os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except OSError:
        exists = False
    if not exists:
        raise OutputError(
            f"{path}: was removed or replaced while the run was writing to it; continue with "
            f"--resume and leave the file until the run ends"
        )


def _write_atomically(file: BinaryIO, line: bytes) -> None:
    start = file.tell()
    rest = memoryview(line)
    try:
        # a full disk accepts a part of the line first and then refuses the rest
        while rest:
            rest = rest[file.write(rest) :]
    except OSError:
        file.truncate(start)
        raise
