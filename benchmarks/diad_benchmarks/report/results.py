"""The results of a run, and their files."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from diad_benchmarks.measure.floor import GraphCount
from diad_benchmarks.measure.machine import Machine
from diad_benchmarks.measure.rates import Rates
from diad_benchmarks.measure.surroundings import Surroundings
from diad_benchmarks.plan import Plan
from diad_benchmarks.report.predictions import Prediction
from diad_benchmarks.report.rows import Row
from diad_benchmarks.studies.sweeps import Sweeps
from diad_deploy.errors import InputError
from diad_deploy.files import csv_rows
from diad_deploy.record import Record

FORMAT = 2
"""Revision 2 adds the figures of GPUs; revision 1 can still be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts(Record):
    """The model and its images.

    Attributes:
        name: name of the checkpoint's file.
        standin: whether its weights are random and its scores meaningless.
        parameters: number of parameters of the four graphs.
        pictures: description of the images.
    """

    name: str
    sha256: str
    standin: bool
    parameters: int
    image_size_px: int
    steps: int
    spacing: str
    precision: str
    pictures: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Results(Record):
    """One run.

    Attributes:
        date: its start, in UTC.
        seconds: its duration.
        unfinished: the part that it had not reached yet; None for a complete run.
        counts: the work in the bundle's graphs for one image.
        surroundings: the runtime's work around the model; None if it was not measured.
        sweeps: None unless they were requested.
        gpu_unread: why the GPU's energy and memory are unknown; None if they are known, or there
            is no GPU.
    """

    format_revision: int
    date: str
    seconds: float
    unfinished: str | None = None
    plan: Plan
    machine: Machine
    rates: tuple[Rates, ...]
    model: ModelFacts
    counts: tuple[GraphCount, ...]
    predictions: tuple[Prediction, ...]
    rows: tuple[Row, ...]
    surroundings: Surroundings | None
    sweeps: Sweeps | None
    gpu_unread: str | None = None

    def row(self, name: str) -> Row | None:
        """The row of the backend called `name`."""
        return next((row for row in self.rows if row.name == name), None)


def to_json(results: Results) -> str:
    """The results as indented JSON with a final newline."""
    return TypeAdapter(Results).dump_json(results, indent=2).decode() + "\n"


def read_results(path: Path) -> Results:
    """Read the output of `to_json`.

    Raises:
        InputError: it cannot be read, or is not a result.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror or error}; expected a results.json "
            f"written by diad-benchmark"
        ) from error
    try:
        return TypeAdapter(Results).validate_json(text)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise InputError(
            f"{path}: not the results of diad-benchmark: {where or 'the file'}: "
            f"{fault['msg']}; measure again with this version"
        ) from None


COLUMNS = (
    *("name", "why_not", "device", "precision", "runs", "p50_ms", "p90_ms", "p99_ms"),
    *("relative_iqr", "times_yardstick", "limit_share", "opening_s", "first_result_s"),
    *("peak_host_bytes", "peak_device_bytes", "disk_bytes", "largest_difference", "flipped"),
    *("compared", "image_auroc_change", "pixel_auroc_change"),
)

BY_BATCH = (
    *("pictures_per_s", "median_ms", "p90_ms", "p99_ms"),
    *("prepare_ms", "joules_per_picture", "limit_share"),
)
"""Figures that have a column per batch size."""


def to_csv(results: Results) -> bytes:
    """The results as CSV, one line per backend."""
    batches = sorted({t.batch for row in results.rows for t in row.throughput})
    names = [f"{figure}_batch_{batch}" for figure in BY_BATCH for batch in batches]
    lines: list[list[object]] = [[*COLUMNS, *names]]
    for row in results.rows:
        known = {t.batch: t for t in row.throughput}
        figures = [
            getattr(known.get(batch), figure, None) for figure in BY_BATCH for batch in batches
        ]
        lines.append([*_cells(row), *figures])
    return csv_rows.to_csv(lines)


def _cells(row: Row) -> list[object]:
    flat: dict[str, object] = {}
    for part in (row.latency, row.accuracy, row):
        if part is not None:
            flat |= {name: getattr(part, name) for name in part.__slots__}
    flat["runs"] = row.latency.count if row.latency else None
    flat["compared"] = row.accuracy.pictures if row.accuracy else None
    return [flat.get(column) for column in COLUMNS]
