"""One row of the comparison: the figures of a backend, or the reason why there are none."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from diad_benchmarks.measure.floor import CountedGraph, Limit, limit
from diad_benchmarks.measure.measured import Measured
from diad_benchmarks.measure.protocol import Opened, Ran
from diad_benchmarks.measure.rates import Rates
from diad_benchmarks.measure.spread import Spread, spread_of
from diad_benchmarks.report.accuracy import Accuracy
from diad_deploy.record import Record

NOT_REACHED = "not reached: the run ended before its turn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput(Record):
    """The speed of one batch size, one batch after the other.

    Attributes:
        turns: number of runs.
        median_ms, p90_ms, p99_ms: percentiles of their times.
        pictures_per_s: images per second of the median run.
        prepare_ms: time for preparing the images on the host, which the runtime does in parallel
            with the model; None if it cannot be timed separately.
        joules_per_picture: energy of the whole GPU per image; None if it was not measured.
        limit_share: its speed as a share of the limit for this batch size.
    """

    batch: int
    turns: int
    median_ms: float
    pictures_per_s: float
    p90_ms: float | None = None
    p99_ms: float | None = None
    prepare_ms: float | None = None
    joules_per_picture: float | None = None
    limit_share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTime(Record):
    """One stage of one image: the median over the rounds, and its share of the total."""

    stage: str
    median_ms: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Record):
    """The figures of one backend.

    Attributes:
        why_not: why some or all figures are missing; None if none are.
        detail: a description of what ran, with versions.
        latency: of one image, from uint8 in memory to map and score in memory.
        times_yardstick: median over rounds of its time divided by ONNX Runtime's on the CPU in the
            same round.
        throughput: by batch size, 1 included.
        stages: empty if the stages cannot be timed separately.
        opening_s: loading the model.
        first_result_s: from the start of its process to its first result.
        peak_host_bytes: of its process, mapped files included.
        peak_device_bytes: growth of the GPU's memory in use since before its process started.
        disk_bytes: of the files that it loads.
        limit: the least time of one image on its device in its precision.
        limit_share: its speed as a share of the speed at the limit.
    """

    name: str
    title: str
    why_not: str | None
    detail: str | None = None
    device: str | None = None
    precision: str | None = None
    latency: Spread | None = None
    times_yardstick: float | None = None
    throughput: tuple[Throughput, ...] = ()
    stages: tuple[StageTime, ...] = ()
    opening_s: float | None = None
    first_result_s: float | None = None
    peak_host_bytes: int | None = None
    peak_device_bytes: int | None = None
    disk_bytes: int | None = None
    limit: Limit | None = None
    limit_share: float | None = None
    accuracy: Accuracy | None = None


def make_row(
    measured: Measured,
    *,
    graphs: Sequence[CountedGraph],
    rates: Sequence[Rates],
    accuracy: Accuracy | None,
) -> Row:
    """A row from the measurements of a backend."""
    backend, opened = measured.backend, measured.opened
    if opened is None or not measured.singles:
        reason = measured.why_not or NOT_REACHED
        return Row(name=backend.name, title=backend.title, why_not=reason)
    latency = spread_of([seconds for ran in measured.singles for seconds in ran.runs])
    limit_of = _limits(graphs, rates, opened)
    least = limit_of(1)
    return Row(
        name=backend.name,
        title=backend.title,
        why_not=measured.why_not or _out_of_time(measured),
        detail=opened.detail,
        device=opened.device,
        precision=opened.precision,
        latency=latency,
        times_yardstick=_times_yardstick(measured),
        throughput=tuple(_throughput(measured, limit_of)),
        stages=stage_times(measured.singles),
        opening_s=opened.seconds,
        first_result_s=measured.first_result_s,
        peak_host_bytes=measured.peak_bytes,
        peak_device_bytes=measured.device_bytes,
        disk_bytes=opened.disk_bytes,
        limit=least,
        limit_share=1e3 * least.seconds / latency.p50_ms if least else None,
        accuracy=accuracy,
    )


def stage_times(runs: Sequence[Ran]) -> tuple[StageTime, ...]:
    """Median time of each stage over the runs, and its share of the sum."""
    names = list(runs[0].stages)
    medians = {name: statistics.median(run.stages[name] for run in runs) for name in names}
    total = sum(medians.values())
    return tuple(
        StageTime(stage=name, median_ms=1e3 * seconds, share=seconds / total if total else 0.0)
        for name, seconds in medians.items()
    )


def _throughput(
    measured: Measured, limit_of: Callable[[int], Limit | None]
) -> Iterator[Throughput]:
    for batch, turns in ((1, measured.singles), *sorted(measured.batches.items())):
        spread = spread_of([seconds for ran in turns for seconds in ran.runs])
        prepare = [ran.stages["prepare"] for ran in turns if "prepare" in ran.stages]
        energy, least = measured.energy.get(batch), limit_of(batch)
        yield Throughput(
            batch=batch,
            turns=spread.count,
            median_ms=spread.p50_ms,
            pictures_per_s=1e3 * batch / spread.p50_ms,
            p90_ms=spread.p90_ms,
            p99_ms=spread.p99_ms,
            prepare_ms=1e3 * statistics.median(prepare) if prepare else None,
            joules_per_picture=energy.joules / energy.images if energy else None,
            limit_share=1e3 * least.seconds / spread.p50_ms if least else None,
        )


def _out_of_time(measured: Measured) -> str | None:
    missing = sorted(measured.out_of_time - set(measured.batches) - {1})
    if not missing:
        return None
    batches = ", ".join(map(str, missing))
    return f"left out: batches of {batches}, which did not fit into the run's time"


def _times_yardstick(measured: Measured) -> float | None:
    pairs = zip(measured.singles, measured.yardstick_s, strict=True)
    ratios = [ran.seconds / yardstick for ran, yardstick in pairs if yardstick is not None]
    return statistics.median(ratios) if ratios else None


def _limits(
    graphs: Sequence[CountedGraph], rates: Sequence[Rates], opened: Opened
) -> Callable[[int], Limit | None]:
    """The limit by batch size on the backend's device; None if its rates are unknown."""
    # on the CPU, ONNX Runtime computes float16 graphs in float32
    precision = "float32" if opened.device == "cpu" else opened.precision
    known = [each for each in rates if (each.device, each.precision) == (opened.device, precision)]
    if not known:
        return lambda batch: None
    return lambda batch: limit(
        graphs,
        flops=known[0].best_flops,
        bytes_per_s=known[0].best_copy_bytes_per_s,
        precision=precision,
        times=batch,
    )
