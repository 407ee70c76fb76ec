"""What a step, a batch, a thread, a pixel and a number format cost, and what they give.

On ONNX Runtime's CPU. Steps and spacing are changed on one bundle: the denoiser takes the timestep
as an input. Speed and AUROC of a point come from the same run over the same images.
"""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from diad_benchmarks.backends import Subject
from diad_benchmarks.backends.backend import YARDSTICK
from diad_benchmarks.measure.floor import count_bundle
from diad_benchmarks.measure.machine import usable_cores
from diad_benchmarks.measure.worker_process import WorkerProcess
from diad_benchmarks.models.models import ModelFiles, Tell, build_apart
from diad_benchmarks.plan import Plan
from diad_benchmarks.report.accuracy import Found
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import Spacing
from diad_deploy.diffusion.schedule import make_schedule
from diad_deploy.errors import DiadError
from diad_deploy.record import Record
from diad_export.options import BuildOptions, options_of
from diad_export.verify.agreement import Truth

STEPS = (10, 5, 4, 2, 1)
SIZES_PX = (64, 96, 128, 192, 256)
ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsPoint(Record):
    """A schedule in one precision and batch size.

    Attributes:
        steps: as they run.
        median_ms: of one batch.
        image_auroc, pixel_auroc: over all images, in batches of this size where it is the
            largest, else None: an image's score does not depend on its batch.
    """

    precision: str
    spacing: Spacing
    steps: int
    batch: int
    median_ms: float
    pictures_per_s: float
    image_auroc: float | None
    pixel_auroc: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadsPoint(Record):
    """Threads an operator may use: one image's median time."""

    threads: int
    median_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePoint(Record):
    """A bundle built at another image size: one image's median time, and its work."""

    size_px: int
    median_ms: float
    gflop: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeps(Record):
    """All points; `left_out` says what could not be measured, and why."""

    steps: tuple[StepsPoint, ...] = ()
    threads: tuple[ThreadsPoint, ...] = ()
    sizes: tuple[SizePoint, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweeper:
    """What all sweeps run: a model, its images, and where to put things."""

    model: ModelFiles
    plan: Plan
    pictures: Path
    truth: Truth
    scratch: Path
    tell: Tell

    def sweep(self) -> Iterator[Sweeps]:
        """All points so far, whenever there are more; what cannot be built is left out, and why."""
        left_out: list[str] = []
        bundles = {"float32": self.model.bundle.path}
        half = self._build("float16", replace(self._options, precision="fp16"), left_out)
        if half is not None:
            bundles["float16"] = half
        found = Sweeps(left_out=tuple(left_out))
        for points in self._steps(bundles):
            found = replace(found, steps=(*found.steps, *points))
            yield found
        found = replace(found, threads=tuple(self._threads()))
        yield found
        sizes = tuple(self._sizes(left_out))
        yield replace(found, sizes=sizes, left_out=tuple(left_out))

    @property
    def _options(self) -> BuildOptions:
        return options_of(self.model.bundle.manifest)

    def _build(self, name: str, options: BuildOptions, left_out: list[str]) -> Path | None:
        folder = self.scratch / f"bundle-{name}"
        try:
            build_apart(self.model.checkpoint, folder, options, tell=self.tell)
        except DiadError as error:
            left_out.append(f"{name}: {error}")
            return None
        return folder

    def _open(self, stack: ExitStack, bundle: Path, threads: int | None = None) -> WorkerProcess:
        subject = Subject(
            checkpoint=str(self.model.checkpoint),
            bundle=str(bundle),
            device="cpu",
            threads=threads,
            largest_batch=self.plan.largest_batch,
        )
        process = stack.enter_context(WorkerProcess(YARDSTICK, subject, self.pictures))
        process.run(0, 1)
        return process

    def _steps(self, bundles: dict[str, Path]) -> Iterator[list[StepsPoint]]:
        with ExitStack() as stack:
            opened = {name: self._open(stack, path) for name, path in bundles.items()}
            for spacing in get_args(Spacing):
                for steps in STEPS:
                    for process in opened.values():
                        process.set_schedule(steps, spacing)
                    points = [
                        point
                        for batch in sorted({1, self.plan.largest_batch})
                        for point in self._points(opened, spacing, steps, batch)
                    ]
                    self.tell(f"{steps} steps, {spacing}: {points[-1].pictures_per_s:.2f} a second")
                    yield points

    def _points(
        self, opened: dict[str, WorkerProcess], spacing: Spacing, steps: int, batch: int
    ) -> list[StepsPoint]:
        count = len(self.truth.names)
        largest = batch == self.plan.largest_batch
        firsts = range(0, count, batch) if largest else range(ROUNDS)
        seconds: dict[str, list[float]] = {name: [] for name in opened}
        for first in firsts:
            part = min(batch, count - first)
            for name, process in opened.items():
                ran = process.run(first, part)
                if part == batch:
                    seconds[name].append(ran.seconds)
        points = []
        for name, process in opened.items():
            path = self.scratch / f"sweep-{name}.npz"
            process.save(path)
            outcome = Found.read(path).outcome if largest else None
            median = statistics.median(seconds[name])
            points.append(
                StepsPoint(
                    precision=name,
                    spacing=spacing,
                    steps=make_schedule(steps, spacing).steps,
                    batch=batch,
                    median_ms=1e3 * median,
                    pictures_per_s=batch / median,
                    image_auroc=self.truth.image_auroc(outcome.scores) if outcome else None,
                    pixel_auroc=self.truth.pixel_auroc(outcome.maps) if outcome else None,
                )
            )
        return points

    def _threads(self) -> list[ThreadsPoint]:
        counts = _doubled(usable_cores())
        with ExitStack() as stack:
            bundle = self.model.bundle.path
            opened = {str(n): self._open(stack, bundle, threads=n) for n in counts}
            medians = self._in_turns(opened)
        return [ThreadsPoint(threads=int(name), median_ms=ms) for name, ms in medians.items()]

    def _sizes(self, left_out: list[str]) -> list[SizePoint]:
        own = self.model.bundle.manifest.image.size_px
        bundles = {}
        for size_px in SIZES_PX:
            folder: Path | None = self.model.bundle.path
            if size_px != own:
                options = replace(self._options, image_size_px=size_px)
                folder = self._build(f"{size_px}px", options, left_out)
            if folder is not None:
                bundles[str(size_px)] = folder
        with ExitStack() as stack:
            opened = {name: self._open(stack, path) for name, path in bundles.items()}
            medians = self._in_turns(opened)
        return [
            SizePoint(size_px=int(name), median_ms=ms, gflop=_gflop(Bundle.open(bundles[name])))
            for name, ms in medians.items()
        ]

    def _in_turns(self, opened: dict[str, WorkerProcess]) -> dict[str, float]:
        seconds: dict[str, list[float]] = {name: [] for name in opened}
        for index in range(self.plan.rounds):
            for name, process in opened.items():
                seconds[name].append(process.run(index, 1).seconds)
        return {name: 1e3 * statistics.median(taken) for name, taken in seconds.items()}


def _doubled(cores: int) -> Sequence[int]:
    """1, 2, 4 ... and all cores."""
    powers = [2**power for power in range(cores.bit_length()) if 2**power < cores]
    return [*powers, cores]


def _gflop(bundle: Bundle) -> float:
    return 1e-9 * sum(graph.count().flop for graph in count_bundle(bundle))
