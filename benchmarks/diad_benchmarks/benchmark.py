"""A run of the benchmark: a model, its backends in turns, its limits, and the sweeps."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from diad_benchmarks.backends.backend import PUBLISHED, REFERENCE, WINOGRAD, Subject, find_backend
from diad_benchmarks.measure.apart import apart
from diad_benchmarks.measure.deadline import Deadline
from diad_benchmarks.measure.floor import CountedGraph, count_bundle
from diad_benchmarks.measure.gpu_meter import GpuMeter
from diad_benchmarks.measure.machine import describe_machine, has_gpu
from diad_benchmarks.measure.measured import Measured
from diad_benchmarks.measure.rates import ProcessorRates, Rates, measure_gpu_rates
from diad_benchmarks.measure.surroundings import Surroundings, measure_surroundings
from diad_benchmarks.measure.turns import Turns
from diad_benchmarks.models.files import Echo, ModelFiles, build_apart, check_float16, find_model
from diad_benchmarks.models.images import ImageSet, default_images, read_images, write_files
from diad_benchmarks.plan import LARGE_BYTES, GpuRoom, Size, plan_for
from diad_benchmarks.report.accuracy import Accuracy, Found, compare_with_reference
from diad_benchmarks.report.predictions import predict
from diad_benchmarks.report.results import FORMAT, ModelFacts, Results
from diad_benchmarks.report.rows import Row, make_row
from diad_benchmarks.studies.sweeps import Sweeper, Sweeps
from diad_deploy.errors import DiadError
from diad_export.options import options_from_manifest

SURROUNDINGS_ROUNDS = 2
SURROUNDINGS_S = 60.0
"""They are left out if less time than this remains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to measure.

    Attributes:
        size: None for that of the checkpoint, or the demo's without one.
        half_bundle: the bundle in float16; None to build it if there is a GPU.
        images: a folder of the user's images; None for the demo's.
        everything: include the backends that take minutes to open, and the sweeps.
        backends, rounds, batches, compared: override the defaults; `compared` is the number of
            images to compare with the reference.
        device: device of PyTorch's backends: `auto`, `cpu` or `cuda`. With `auto` and `cuda` the
            run measures the GPU if there is one.
        minutes: time limit of the run; work that does not fit is left out.
    """

    size: Size | None = None
    checkpoint: Path | None = None
    bundle: Path | None = None
    half_bundle: Path | None = None
    images: Path | None = None
    everything: bool = False
    backends: tuple[str, ...] = ()
    rounds: int | None = None
    batches: tuple[int, ...] = ()
    device: str = "auto"
    threads: int | None = None
    compared: int | None = None
    minutes: float | None = None


def run_benchmark(request: Request, *, echo: Echo) -> Iterator[Results]:
    """Run the benchmark.

    Yields the results so far after each measurement, so that an interrupted run keeps them; the
    last ones are complete. A backend that cannot run is a row with the reason.

    Args:
        request: what to measure.
        echo: called with a line of progress.

    Raises:
        DiadError: nothing can be measured.
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
            echo=echo,
            timeout_s=deadline.timeout_s(),
        )
        for found in _Run(request, model, scratch, echo, deadline).measure():
            yield Results(
                format_revision=FORMAT,
                date=began.isoformat(timespec="seconds"),
                seconds=time.perf_counter() - start,
                **found,
            )


class _Run:
    """The parts of a run, one after the other."""

    def __init__(
        self, request: Request, model: ModelFiles, scratch: Path, echo: Echo, deadline: Deadline
    ) -> None:
        self._request, self._model = request, model
        self._scratch, self._echo, self._deadline = scratch, echo, deadline
        self._manifest = model.bundle.manifest
        self._compared: dict[tuple[tuple[Path, int], ...], Accuracy | None] = {}
        self._meter = GpuMeter.open()
        self._gpu = self._find_gpu()
        self._plan = plan_for(
            request.size or ("full" if _bytes_of(model) >= LARGE_BYTES else "demo"),
            everything=request.everything,
            backends=request.backends,
            rounds=request.rounds,
            batches=request.batches,
            compared=request.compared,
            gpu=self._gpu,
            minutes=request.minutes,
        )
        self._images = self._find_images()
        self._file = self._images.save(scratch / "images.npy")

    def measure(self) -> Iterator[dict[str, Any]]:
        """The fields of `Results` that the run measures, so far."""
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
        yield known | {"unfinished": "what follows its rows"}
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
        return default_images(count, size_px=size_px)

    def _find_gpu(self) -> GpuRoom | None:
        """The GPU that the run measures; None if it measures the CPU."""
        request, total = self._request, self._meter.total_bytes()
        names = request.backends
        on_cpu = names and all(find_backend(name).device == "cpu" for name in names)
        found = request.device == "cuda" or total is not None or has_gpu()
        if request.device == "cpu" or on_cpu or not found:
            return None
        return GpuRoom(total_bytes=total, bundle_bytes=_bytes_of(self._model))

    def _turns(
        self, graphs: Sequence[CountedGraph]
    ) -> Iterator[tuple[tuple[Rates, ...], tuple[Row, ...]]]:
        """The machine's rates and all rows, whenever some rows have new figures."""
        processor, gpu = ProcessorRates(), None
        turns = Turns(
            self._plan,
            self._subject(),
            self._file,
            self._scratch,
            between=processor.sample,
            echo=self._echo,
            deadline=self._deadline,
            meter=self._meter,
        )
        for measured in turns.take():
            if gpu is None and any(row.on_gpu for row in measured):
                gpu = self._gpu_rates()
            rates = (processor.found(), *(gpu or ()))
            yield rates, tuple(self._rows(measured, graphs, rates))

    def _subject(self) -> Subject:
        names, checkpoint = self._plan.ways, self._model.checkpoint
        winograd = None
        if WINOGRAD in names:
            winograd = self._build("winograd", precision="fp32", convolutions="winograd")
        half = self._half() if any(find_backend(name).needs_half for name in names) else None
        return Subject(
            checkpoint=None if checkpoint is None else str(checkpoint.resolve()),
            bundle=str(self._model.bundle.path.resolve()),
            winograd_bundle=None if winograd is None else str(winograd.resolve()),
            half_bundle=None if half is None else str(half.resolve()),
            device=self._request.device,
            threads=self._request.threads,
            largest_batch=self._plan.largest_batch,
        )

    def _gpu_rates(self) -> tuple[Rates, ...]:
        """The GPU's rates; empty if PyTorch cannot measure them. Other figures are unaffected."""
        try:
            return apart(measure_gpu_rates, timeout_s=self._deadline.timeout_s())
        except (DiadError, ImportError, RuntimeError) as error:
            self._echo(f"the GPU's rates are unknown: {error}")
            return ()

    def _half(self) -> Path | None:
        """The bundle in float16; None if none was given and none can be built.

        Raises:
            OptionError, BundleError: the given one is of another model, or not in float16.
        """
        if self._request.half_bundle is not None:
            return check_float16(self._request.half_bundle, self._model.bundle)
        if self._manifest.graph("denoiser").precision == "float16":
            return self._model.bundle.path
        if self._gpu is None or not (self._gpu.total_bytes or has_gpu()):
            return None
        changes: dict[str, Any] = {"precision": "fp16", "convolutions": "plain"}
        if self._model.standin:
            # random weights give no useful ranges, and each image takes minutes at this size
            changes["calibration"] = self._scratch / "calibration"
            write_files(list(self._images.pixels[:1]), changes["calibration"])
        # the rest of the remaining time is for the backends
        return self._build("half", self._deadline.share(2), **changes)

    def _build(self, name: str, until: Deadline | None = None, **changes: Any) -> Path | None:
        folder = self._scratch / f"bundle-{name}"
        options = replace(options_from_manifest(self._manifest), **changes)
        timeout_s = (until or self._deadline).timeout_s()
        try:
            build_apart(
                self._model.checkpoint, folder, options, echo=self._echo, timeout_s=timeout_s
            )
        except DiadError as error:
            self._echo(f"{folder.name}: {error}")
            return None
        return folder

    def _rows(
        self, measured: list[Measured], graphs: Sequence[CountedGraph], rates: Sequence[Rates]
    ) -> Iterator[Row]:
        files = {row.backend.name: row.results for row in measured if row.results is not None}
        reference = files.get(REFERENCE, files.get(PUBLISHED))
        for row in measured:
            accuracy = None
            if reference is not None and row.backend.name in files:
                accuracy = self._compare(reference, files[row.backend.name])
            yield make_row(row, graphs=graphs, rates=rates, accuracy=accuracy)

    def _compare(self, reference: Path, row: Path) -> Accuracy | None:
        """Compare both files, unless neither has changed since the last comparison."""
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
        # only part of a run of all backends
        if self._request.backends or not self._plan.together:
            return None
        if not self._deadline.fits(SURROUNDINGS_S):
            self._echo("the runtime's work around the model is left out: no time remains")
            return None
        self._echo("the runtime's work around the model")
        try:
            return apart(
                measure_surroundings,
                self._model.bundle.path,
                self._scratch,
                SURROUNDINGS_ROUNDS,
                timeout_s=self._deadline.timeout_s(),
            )
        except DiadError as error:
            self._echo(f"the runtime's work around the model is unknown: {error}")
            return None

    def _sweeps(self) -> Iterator[Sweeps]:
        if not self._request.everything:
            return
        if self._plan.minutes is not None:
            self._echo("sweeps are left out: they take longer than the --minutes of the run")
            return
        if not self._plan.together:
            self._echo("sweeps are left out at this size, because they build five bundles")
            return
        yield from Sweeper(
            model=self._model,
            plan=self._plan,
            images=self._file,
            truth=self._images.truth,
            scratch=self._scratch,
            echo=self._echo,
        ).sweep()


def _bytes_of(model: ModelFiles) -> int:
    return sum(record.size_bytes for record in model.bundle.manifest.files)
