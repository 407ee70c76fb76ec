"""One run of the benchmark: a model, its rows in turns, its limits, and what else was asked for."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.accuracy import Accuracy, Found, compare_with_reference
from benchmarks.floor import CountedGraph, count_bundle
from benchmarks.machine import describe_machine
from benchmarks.models import ModelFiles, Tell, apart, build_apart, find_model
from benchmarks.pictures import PictureSet, draw_pictures, read_pictures
from benchmarks.plan import LARGE_BYTES, Size, plan_for
from benchmarks.predictions import predict
from benchmarks.rates import ProcessorRates, Rates, measure_gpu_rates
from benchmarks.results import FORMAT, ModelFacts, Results
from benchmarks.rows import Row, make_row
from benchmarks.surroundings import Surroundings, measure_surroundings
from benchmarks.sweeps import Sweeper, Sweeps
from benchmarks.turns import Measured, Turns
from benchmarks.ways import Subject
from benchmarks.ways.way import PUBLISHED, REFERENCE, WINOGRAD
from diad_deploy.errors import DiadError
from diad_export.options import options_of

SURROUNDINGS_ROUNDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to measure.

    Attributes:
        size: None takes the demo's size, or that of the checkpoint.
        everything: rows that take minutes to open, and the sweeps.
        ways, rounds, batches: in the place of the usual ones; empty or None for these.
        images: the user's pictures; None draws the demo's.
        pictures: how many are compared with the reference; None takes the usual number.
        device: of the PyTorch rows: `auto`, `cpu` or `cuda`.
    """

    size: Size | None = None
    checkpoint: Path | None = None
    bundle: Path | None = None
    images: Path | None = None
    everything: bool = False
    ways: tuple[str, ...] = ()
    rounds: int | None = None
    batches: tuple[int, ...] = ()
    device: str = "auto"
    threads: int | None = None
    pictures: int | None = None


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
    with tempfile.TemporaryDirectory(prefix="diad-benchmark-") as folder:
        scratch = Path(folder)
        model = find_model(
            request.size or "demo",
            checkpoint=request.checkpoint,
            bundle=request.bundle,
            scratch=scratch,
            tell=tell,
        )
        for found in _Run(request, model, scratch, tell).measure():
            yield Results(
                format_revision=FORMAT,
                date=began.isoformat(timespec="seconds"),
                seconds=time.perf_counter() - start,
                **found,
            )


class _Run:
    """The parts of a run, one after the other."""

    def __init__(self, request: Request, model: ModelFiles, scratch: Path, tell: Tell) -> None:
        self._request, self._model = request, model
        self._scratch, self._tell = scratch, tell
        self._manifest = model.bundle.manifest
        self._plan = plan_for(
            request.size or _size_of(model),
            everything=request.everything,
            ways=request.ways,
            rounds=request.rounds,
            batches=request.batches,
            pictures=request.pictures,
        )
        self._pictures = self._find_pictures()
        self._file = self._pictures.save(scratch / "pictures.npy")

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

    def _find_pictures(self) -> PictureSet:
        size_px = self._manifest.image.size_px
        count = self._plan.pictures or self._plan.rounds
        if self._request.images is not None:
            return read_pictures(self._request.images, count, size_px=size_px)
        return draw_pictures(count, size_px=size_px)

    def _turns(
        self, graphs: Sequence[CountedGraph]
    ) -> Iterator[tuple[tuple[Rates, ...], tuple[Row, ...]]]:
        """The machine's rates and all rows, whenever some rows have their figures."""
        processor, gpu = ProcessorRates(), None
        for measured in self._take_turns(processor):
            if gpu is None and any(row.opened and row.opened.device == "cuda" for row in measured):
                gpu = apart(measure_gpu_rates)
            rates = (processor.found(), *(gpu or ()))
            yield rates, tuple(self._rows(measured, graphs, rates))

    def _take_turns(self, processor: ProcessorRates) -> Iterator[list[Measured]]:
        request = self._request
        winograd = self._rewritten() if WINOGRAD in self._plan.ways else None
        subject = Subject(
            checkpoint=str(self._model.checkpoint.resolve()),
            bundle=str(self._model.bundle.path.resolve()),
            winograd_bundle=None if winograd is None else str(winograd.resolve()),
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
        )
        return turns.take()

    def _rewritten(self) -> Path | None:
        """The same bundle for processors; None where it cannot be built."""
        folder = self._scratch / "bundle-winograd"
        options = replace(options_of(self._manifest), precision="fp32", convolutions="winograd")
        try:
            build_apart(self._model.checkpoint, folder, options, tell=self._tell)
        except DiadError as error:
            self._tell(f"{folder.name}: {error}")
            return None
        return folder

    def _rows(
        self, measured: list[Measured], graphs: Sequence[CountedGraph], rates: Sequence[Rates]
    ) -> list[Row]:
        found = {row.way.name: Found.read(row.found) for row in measured if row.found is not None}
        reference = found.get(REFERENCE, found.get(PUBLISHED))

        def accuracy(name: str) -> Accuracy | None:
            if reference is None or name not in found:
                return None
            return compare_with_reference(reference, found[name], self._pictures.truth)

        return [
            make_row(row, graphs=graphs, rates=rates, accuracy=accuracy(row.way.name))
            for row in measured
        ]

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
            pictures=self._pictures.source,
        )

    def _surroundings(self) -> Surroundings | None:
        # of a few rows alone, nobody asks what a whole run takes
        if self._request.ways or not self._plan.together:
            return None
        self._tell("what the runtime does around the model")
        return apart(
            measure_surroundings, self._model.bundle.path, self._scratch, SURROUNDINGS_ROUNDS
        )

    def _sweeps(self) -> Iterator[Sweeps]:
        if not self._request.everything:
            return
        if not self._plan.together:
            self._tell("sweeps are left out at this size: they build five bundles")
            return
        yield from Sweeper(
            model=self._model,
            plan=self._plan,
            pictures=self._file,
            truth=self._pictures.truth,
            scratch=self._scratch,
            tell=self._tell,
        ).sweep()


def _size_of(model: ModelFiles) -> Size:
    held = sum(record.size_bytes for record in model.bundle.manifest.files)
    return "full" if held >= LARGE_BYTES else "demo"
