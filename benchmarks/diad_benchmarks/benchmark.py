"""One run of the benchmark: a model, its rows in turns, its limits, and what else was asked for."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from diad_benchmarks.backends import Subject, find_way
from diad_benchmarks.backends.backend import PUBLISHED, REFERENCE, WINOGRAD
from diad_benchmarks.measure.deadline import Deadline
from diad_benchmarks.measure.floor import CountedGraph, count_bundle
from diad_benchmarks.measure.gpu_meter import GpuMeter
from diad_benchmarks.measure.machine import describe_machine, has_gpu
from diad_benchmarks.measure.rates import ProcessorRates, Rates, measure_gpu_rates
from diad_benchmarks.measure.surroundings import Surroundings, measure_surroundings
from diad_benchmarks.measure.turns import Measured, Turns
from diad_benchmarks.models.images import ImageSet, draw_images, read_images, write_files
from diad_benchmarks.models.models import (
    ModelFiles,
    Tell,
    apart,
    build_apart,
    check_float16,
    find_model,
)
from diad_benchmarks.plan import LARGE_BYTES, GpuRoom, Size, plan_for
from diad_benchmarks.report.accuracy import Accuracy, Found, compare_with_reference
from diad_benchmarks.report.predictions import predict
from diad_benchmarks.report.results import FORMAT, ModelFacts, Results
from diad_benchmarks.report.rows import Row, make_row
from diad_benchmarks.studies.sweeps import Sweeper, Sweeps
from diad_deploy.errors import DiadError
from diad_export.options import options_of

SURROUNDINGS_ROUNDS = 2
SURROUNDINGS_S = 60.0
"""They are left out where a run has less time than this left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to measure.

    Attributes:
        size: None takes the demo's size, or that of the checkpoint.
        everything: rows that take minutes to open, and the sweeps.
        ways, rounds, batches: in the place of the usual ones; empty or None for these.
        images: the user's images; None draws the demo's.
        images: how many are compared with the reference; None takes the usual number.
        half_bundle: the bundle in float16; None builds it where there is a GPU.
        device: of the PyTorch rows: `auto`, `cpu` or `cuda`. `auto` and `cuda` make the run one
            about a GPU, where there is one.
        minutes: the whole run is to end by then; what does not fit is left out.
    """

    size: Size | None = None
    checkpoint: Path | None = None
    bundle: Path | None = None
    half_bundle: Path | None = None
    images: Path | None = None
    everything: bool = False
    ways: tuple[str, ...] = ()
    rounds: int | None = None
    batches: tuple[int, ...] = ()
    device: str = "auto"
    threads: int | None = None
    pictures: int | None = None
    minutes: float | None = None


def run_benchmark(request: Request, *, tell: Tell) -> Iterator[Results]:
    """Measure.

    Yields what is known whenever it is more than before, so that a run that is cut short keeps it;
    the last one is whole.

    Args:
        request: what to measure.
        tell: called with a line at each stage.

    Raises:
        DiadError: there is nothing to measure; a row that cannot run is none, but a row.
    """
    began, start = datetime.now(UTC), time.perf_counter()
    deadline = Deadline.after(request.minutes)
    with tempfile.TemporaryDirectory(prefix="diad-benchmark-") as folder:
        scratch = Path(folder)
        model = find_model(
            request.size or "demo",
            checkpoint=request.checkpoint,
            bundle=request.bundle,
            scratch=scratch,
            tell=tell,
            timeout_s=deadline.timeout_s(),
        )
        for found in _Run(request, model, scratch, tell, deadline).measure():
            yield Results(
                format_revision=FORMAT,
                date=began.isoformat(timespec="seconds"),
                seconds=time.perf_counter() - start,
                **found,
            )


class _Run:
    """The parts of a run, one after the other."""

    def __init__(
        self, request: Request, model: ModelFiles, scratch: Path, tell: Tell, deadline: Deadline
    ) -> None:
        self._request, self._model = request, model
        self._scratch, self._tell, self._deadline = scratch, tell, deadline
        self._manifest = model.bundle.manifest
        self._compared: dict[tuple[tuple[Path, int], ...], Accuracy | None] = {}
        self._meter = GpuMeter.open()
        self._gpu = self._find_gpu()
        self._plan = plan_for(
            request.size or _size_of(model),
            everything=request.everything,
            ways=request.ways,
            rounds=request.rounds,
            batches=request.batches,
            images=request.pictures,
            gpu=self._gpu,
            minutes=request.minutes,
        )
        self._images = self._find_images()
        self._file = self._images.save(scratch / "pictures.npy")

    def measure(self) -> Iterator[dict[str, Any]]:
        """The fields of `Results` that are not the run's own, growing."""
        counted = {
            batch: count_bundle(self._model.bundle, batch=batch)
            for batch in sorted({1, self._plan.largest_batch})
        }
        known: dict[str, Any] = {
            "plan": self._plan,
            "machine": describe_machine(),
            "model": self._facts(),
            "counts": tuple(graph.count() for graph in counted[1]),
            "predictions": predict(counted),
            "surroundings": None,
            "sweeps": None,
            "gpu_unread": self._meter.fault if self._gpu else None,
        }
        for rates, rows in self._turns(counted[1]):
            known |= {"rates": rates, "rows": rows}
            yield known | {"unfinished": "the end of its rows"}
        yield known | {"unfinished": "what comes after its rows"}
        known["surroundings"] = self._surroundings()
        for sweeps in self._sweeps():
            known["sweeps"] = sweeps
            yield known | {"unfinished": "the end of its sweeps"}
        yield known | {"unfinished": None}

    def _find_images(self) -> ImageSet:
        size_px = self._manifest.image.size_px
        count = self._plan.pictures or self._plan.rounds
        if self._request.images is not None:
            return read_images(self._request.images, count, size_px=size_px)
        return draw_images(count, size_px=size_px)

    def _find_gpu(self) -> GpuRoom | None:
        """The GPU that the run is about; None for a run about the processor."""
        request, total = self._request, self._meter.total_bytes()
        on_cpu = request.ways and all(find_way(name).device == "cpu" for name in request.ways)
        there = request.device == "cuda" or total is not None or has_gpu()
        if request.device == "cpu" or on_cpu or not there:
            return None
        return GpuRoom(total_bytes=total, bundle_bytes=_held(self._model))

    def _turns(
        self, graphs: Sequence[CountedGraph]
    ) -> Iterator[tuple[tuple[Rates, ...], tuple[Row, ...]]]:
        """The machine's rates and all rows, whenever some rows have their figures."""
        processor, gpu = ProcessorRates(), None
        for measured in self._take_turns(processor):
            if gpu is None and any(row.opened and row.opened.device == "cuda" for row in measured):
                gpu = self._gpu_rates()
            rates = (processor.found(), *(gpu or ()))
            yield rates, tuple(self._rows(measured, graphs, rates))

    def _gpu_rates(self) -> tuple[Rates, ...]:
        """None where PyTorch cannot tell them: the rows have their figures all the same."""
        try:
            return apart(measure_gpu_rates, timeout_s=self._deadline.timeout_s())
        except (DiadError, ImportError, RuntimeError) as error:
            self._tell(f"the GPU's rates are not known: {error}")
            return ()

    def _take_turns(self, processor: ProcessorRates) -> Iterator[list[Measured]]:
        request = self._request
        winograd = self._winograd() if WINOGRAD in self._plan.ways else None
        half = self._half() if any(find_way(name).needs_half for name in self._plan.ways) else None
        subject = Subject(
            checkpoint=str(self._model.checkpoint.resolve()),
            bundle=str(self._model.bundle.path.resolve()),
            winograd_bundle=None if winograd is None else str(winograd.resolve()),
            half_bundle=None if half is None else str(half.resolve()),
            device=request.device,
            threads=request.threads,
            largest_batch=self._plan.largest_batch,
        )
        turns = Turns(
            self._plan,
            subject,
            self._file,
            self._scratch,
            between=processor.sample,
            tell=self._tell,
            deadline=self._deadline,
            meter=self._meter,
        )
        return turns.take()

    def _winograd(self) -> Path | None:
        """The same bundle for processors; None where it cannot be built."""
        return self._build("winograd", precision="fp32", convolutions="winograd")

    def _half(self) -> Path | None:
        """The same bundle in float16; None where there is none and none is built.

        Raises:
            OptionError, BundleError: the one that was named is another model's, or not in float16.
        """
        if self._request.half_bundle is not None:
            return check_float16(self._request.half_bundle, self._model.bundle)
        if self._manifest.graph("denoiser").precision == "float16":
            return self._model.bundle.path
        if self._gpu is None or not (self._gpu.total_bytes or has_gpu()):
            return None
        changes: dict[str, Any] = {"precision": "fp16", "convolutions": "plain"}
        if self._model.standin:
            # random weights say nothing of ranges, and each image costs minutes at this size
            changes["calibration"] = self._scratch / "calibration"
            write_files(list(self._images.pixels[:1]), changes["calibration"])
        # the other half of what is left is the rows'
        return self._build("half", self._deadline.share(2), **changes)

    def _build(self, name: str, until: Deadline | None = None, **changes: Any) -> Path | None:
        folder = self._scratch / f"bundle-{name}"
        options = replace(options_of(self._manifest), **changes)
        timeout_s = (until or self._deadline).timeout_s()
        try:
            build_apart(
                self._model.checkpoint, folder, options, tell=self._tell, timeout_s=timeout_s
            )
        except DiadError as error:
            self._tell(f"{folder.name}: {error}")
            return None
        return folder

    def _rows(
        self, measured: list[Measured], graphs: Sequence[CountedGraph], rates: Sequence[Rates]
    ) -> list[Row]:
        files = {row.way.name: row.found for row in measured if row.found is not None}
        reference = files.get(REFERENCE, files.get(PUBLISHED))

        def accuracy(name: str) -> Accuracy | None:
            if reference is None or name not in files:
                return None
            return self._compare(reference, files[name])

        return [
            make_row(row, graphs=graphs, rates=rates, accuracy=accuracy(row.way.name))
            for row in measured
        ]

    def _compare(self, reference: Path, row: Path) -> Accuracy | None:
        """What both files say; compared again where one of them has changed only."""
        written = tuple((path, path.stat().st_mtime_ns) for path in (reference, row))
        if written not in self._compared:
            self._compared[written] = compare_with_reference(
                Found.read(reference), Found.read(row), self._images.truth
            )
        return self._compared[written]

    def _facts(self) -> ModelFacts:
        manifest = self._manifest
        return ModelFacts(
            name=manifest.checkpoint.name,
            sha256=manifest.checkpoint.sha256,
            standin=self._model.standin,
            parameters=sum(graph.parameters for graph in manifest.graphs),
            image_size_px=manifest.image.size_px,
            steps=manifest.schedule.steps,
            spacing=manifest.schedule.spacing,
            precision=manifest.graph("denoiser").precision,
            pictures=self._images.source,
        )

    def _surroundings(self) -> Surroundings | None:
        # of a few rows alone, nobody asks what a whole run takes
        if self._request.ways or not self._plan.together:
            return None
        if not self._deadline.fits(SURROUNDINGS_S):
            self._tell("what the runtime does around the model is left out: there is no time")
            return None
        self._tell("what the runtime does around the model")
        try:
            return apart(
                measure_surroundings,
                self._model.bundle.path,
                self._scratch,
                SURROUNDINGS_ROUNDS,
                timeout_s=self._deadline.timeout_s(),
            )
        except DiadError as error:
            self._tell(f"what the runtime does around the model is not known: {error}")
            return None

    def _sweeps(self) -> Iterator[Sweeps]:
        if not self._request.everything:
            return
        if self._plan.minutes is not None:
            self._tell("sweeps are left out: they take longer than a run with --minutes has")
            return
        if not self._plan.together:
            self._tell("sweeps are left out at this size: they build five bundles")
            return
        yield from Sweeper(
            model=self._model,
            plan=self._plan,
            pictures=self._file,
            truth=self._images.truth,
            scratch=self._scratch,
            tell=self._tell,
        ).sweep()


def _size_of(model: ModelFiles) -> Size:
    return "full" if _held(model) >= LARGE_BYTES else "demo"


def _held(model: ModelFiles) -> int:
    return sum(record.size_bytes for record in model.bundle.manifest.files)
