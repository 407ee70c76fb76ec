"""Speed and accuracy over steps, spacing, batch size, threads, image size and precision.

All run on ONNX Runtime on the CPU. Steps and spacing vary on one bundle, whose denoiser takes the
timestep as input. Speed and AUROC of a point come from the same run over the same images.
"""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from diad_benchmarks.backends.backend import YARDSTICK, Subject
from diad_benchmarks.measure.floor import count_bundle
from diad_benchmarks.measure.rounds import take_turns
from diad_benchmarks.measure.worker_process import BackendProcess
from diad_benchmarks.models.files import Echo, ModelFiles, build_apart
from diad_benchmarks.plan import Plan
from diad_benchmarks.report.accuracy import Found
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import Spacing
from diad_deploy.diffusion.schedule import make_schedule
from diad_deploy.errors import DiadError
from diad_deploy.record import Record
from diad_deploy.usable_cores import usable_cores
from diad_export.options import BuildOptions, options_from_manifest
from diad_export.verify.agreement import Truth

STEPS = (10, 5, 4, 2, 1)
SIZES_PX = (64, 96, 128, 192, 256)
ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsPoint(Record):
    """Measurements of a schedule in one precision and batch size.

    Attributes:
        median_ms: median time of one batch.
        image_auroc, pixel_auroc: over all images; None unless the batch size is the largest one,
            because the score of an image does not depend on the batch.
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
    """The median time of one image with a number of threads."""

    threads: int
    median_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePoint(Record):
    """The median time and the work of one image in a bundle with another image size."""

    size_px: int
    median_ms: float
    gflop: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeps(Record):
    """All points; `left_out` names what could not be measured, with the reason."""

    steps: tuple[StepsPoint, ...] = ()
    threads: tuple[ThreadsPoint, ...] = ()
    sizes: tuple[SizePoint, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweeper:
    """Runs all sweeps of a model over its images; `scratch` is a folder for bundles and results."""

    model: ModelFiles
    plan: Plan
    images: Path
    truth: Truth
    scratch: Path
    echo: Echo

    def sweep(self) -> Iterator[Sweeps]:
        """Yields all points so far whenever there are more."""
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
        return options_from_manifest(self.model.bundle.manifest)

    def _build(self, name: str, options: BuildOptions, left_out: list[str]) -> Path | None:
        folder = self.scratch / f"bundle-{name}"
        try:
            build_apart(self.model.checkpoint, folder, options, echo=self.echo)
        except DiadError as error:
            left_out.append(f"{name}: {error}")
            return None
        return folder

    def _open(self, stack: ExitStack, bundle: Path, threads: int | None = None) -> BackendProcess:
        subject = Subject(
            checkpoint=None,
            bundle=str(bundle),
            device="cpu",
            threads=threads,
            largest_batch=self.plan.largest_batch,
        )
        process = stack.enter_context(BackendProcess(YARDSTICK, subject, self.images))
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
                    self.echo(f"{steps} steps, {spacing}: {points[-1].pictures_per_s:.2f} images/s")
                    yield points

    def _points(
        self, opened: dict[str, BackendProcess], spacing: Spacing, steps: int, batch: int
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

    def _in_turns(self, opened: dict[str, BackendProcess]) -> dict[str, float]:
        workloads = {name: process.seconds for name, process in opened.items()}
        taken = take_turns(workloads, rounds=self.plan.rounds)
        return {name: 1e3 * taken.median_s(name) for name in opened}


def _doubled(cores: int) -> Sequence[int]:
    """1, 2, 4 ... and all cores."""
    powers = [2**power for power in range(cores.bit_length()) if 2**power < cores]
    return [*powers, cores]


def _gflop(bundle: Bundle) -> float:
    return 1e-9 * sum(graph.count().flop for graph in count_bundle(bundle))
