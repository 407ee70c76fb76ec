"""The work that the export leaves out, counted and timed against the published order of work."""

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.table import Table

from diad_benchmarks.backends.backend import PUBLISHED, YARDSTICK, Subject
from diad_benchmarks.measure.machine import describe_machine
from diad_benchmarks.measure.rounds import Rounds, take_turns
from diad_benchmarks.measure.worker_process import BackendProcess
from diad_benchmarks.models.files import Echo, find_model
from diad_benchmarks.report.accuracy import Found
from diad_benchmarks.report.tables import make_table
from diad_benchmarks.studies.ladder import Rung, climb
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.errors import OptionError
from diad_export.checkpoint.read import read_checkpoint
from diad_export.checkpoint.weights import make_empty_model
from diad_export.model.sizes import PUBLISHED as PUBLISHED_SIZES
from diad_export.model.sizes import ModelSizes
from diad_export.onnx.work import GraphWork, count_work
from diad_export.options import BuildOptions, Recommended, ResolvedOptions, resolve_options

NAMES = {PUBLISHED: "published order of work, PyTorch", YARDSTICK: "bundle, ONNX Runtime"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """Measurements of the published order of work and the bundle on the same image.

    Attributes:
        opening_s: seconds for opening the bundle, including the check of hashes.
        map_error: norm of the maps' difference, divided by the published map's norm.
        peak_memory_bytes: of both processes together; None if unknown.
    """

    rounds: Rounds
    opening_s: float
    map_error: float
    score_difference: float
    peak_memory_bytes: int | None
    machine: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """All figures for JSON."""
        return {
            **asdict(self),
            "median_s": {name: self.rounds.median_s(name) for name in self.rounds.seconds},
            "times_faster": self.rounds.ratios(*NAMES.values()),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """The rungs of a model, the work in its bundle's graphs, and its times."""

    rungs: tuple[Rung, ...]
    graphs: dict[str, GraphWork]
    steps: int
    times: SideBySide

    def as_json(self) -> dict[str, Any]:
        """All figures for JSON."""
        return {
            **self.times.as_json(),
            "rungs": [asdict(rung) for rung in self.rungs],
            "graphs": {name: asdict(work) for name, work in self.graphs.items()},
        }

    def tables(self) -> list[Table]:
        """The figures for the terminal."""
        return [rungs_table(self.rungs), graphs_table(self.graphs, self.steps), _times(self.times)]


def count_published() -> tuple[Rung, ...]:
    """The rungs of a model of the published size."""
    return tuple(climb(PUBLISHED_SIZES, resolve_options(BuildOptions(), Recommended())))


def measure_savings(
    checkpoint: Path | None, bundle: Path | None, *, rounds: int, echo: Echo
) -> Savings:
    """Count and time a model; without a checkpoint a stand-in of the published size.

    Raises:
        OptionError: a bundle without its checkpoint, or of another one.
    """
    if bundle is not None and checkpoint is None:
        raise OptionError("--bundle needs the --checkpoint it was built from; give both")
    with tempfile.TemporaryDirectory(prefix="diad-savings-") as folder:
        scratch = Path(folder)
        model = find_model("full", checkpoint=checkpoint, bundle=bundle, scratch=scratch, echo=echo)
        path, manifest = model.bundle.path, model.bundle.manifest
        subject = Subject(checkpoint=str(model.checkpoint), bundle=str(path), largest_batch=1)
        times = _time(subject, manifest, scratch, rounds=rounds, echo=echo)
        return Savings(
            rungs=tuple(climb(_sizes_of(model.checkpoint or path), _settings(manifest))),
            graphs={graph.name: count_work(path / graph.file) for graph in manifest.graphs},
            steps=manifest.schedule.steps,
            times=times,
        )


def _time(
    subject: Subject, manifest: Manifest, scratch: Path, *, rounds: int, echo: Echo
) -> SideBySide:
    """Run one random image on both, in turns, after a short run of each."""
    size_px, schedule = manifest.image.size_px, manifest.schedule
    images = scratch / "image.npy"
    rng = np.random.default_rng(0)
    np.save(images, rng.integers(0, 256, (1, size_px, size_px, 3), dtype=np.uint8))
    echo("opening both")
    with (
        BackendProcess(PUBLISHED, subject, images) as published,
        BackendProcess(YARDSTICK, subject, images) as exported,
    ):
        published.set_schedule(1, schedule.spacing)
        for process in (published, exported):
            process.run(0, 1)
        published.set_schedule(schedule.steps, schedule.spacing)
        workloads = {NAMES[PUBLISHED]: published.seconds, NAMES[YARDSTICK]: exported.seconds}
        taken = take_turns(workloads, rounds=rounds, echo=echo)
        files = [scratch / f"{name}.npz" for name in NAMES]
        peaks = [p.save(f) for p, f in zip((published, exported), files, strict=True)]
        opening_s = exported.opened.seconds
    want, got = (Found.read(file).outcome for file in files)
    expected = want.maps.astype(np.float64)
    return SideBySide(
        rounds=taken,
        opening_s=opening_s,
        map_error=float(np.linalg.norm(got.maps - expected) / np.linalg.norm(expected)),
        score_difference=float(abs(got.scores[0] - want.scores[0])),
        peak_memory_bytes=None if None in peaks else sum(peak or 0 for peak in peaks),
        machine={**asdict(describe_machine()), "torch_threads": torch.get_num_threads()},
    )


def _sizes_of(checkpoint: Path) -> ModelSizes:
    return make_empty_model(read_checkpoint(checkpoint)).sizes


def _settings(manifest: Manifest) -> ResolvedOptions:
    """The options that the bundle was built with."""
    return ResolvedOptions(
        image_size_px=manifest.image.size_px,
        steps=manifest.schedule.steps,
        spacing=manifest.schedule.spacing,
        sigma_px=manifest.fusion.sigma_px,
        pool_size_px=manifest.fusion.pool_size_px,
        pool_count=manifest.fusion.pool_count,
        heatmap_low=manifest.heatmap.low,
        heatmap_high=manifest.heatmap.high,
    )


def rungs_table(rungs: tuple[Rung, ...]) -> Table:
    """One line per rung; each includes the savings of the lines above."""
    first = rungs[0].work.multiply_adds
    rows = (
        (
            *(left_out, f"{work.operators:,}", f"{work.weights / 1e6:.1f}"),
            *(f"{2e-9 * work.multiply_adds:.1f}", f"{work.multiply_adds / first:.1%}"),
        )
        for left_out, work in ((rung.left_out, rung.work) for rung in rungs)
    )
    names = ("also left out", "operators", "weights, M", "GFLOP", "of all")
    return make_table("One image in PyTorch", names, rows)


def graphs_table(graphs: dict[str, GraphWork], steps: int) -> Table:
    """The work in the bundle's graphs."""
    rows = (
        (
            *(name, str(steps if name == "denoiser" else 1)),
            *(f"{sum(work.operators.values()):,}", f"{work.initialisers:,}"),
            *(f"{work.constants / 1e6:.1f}", f"{2e-9 * work.multiply_adds:.1f}"),
        )
        for name, work in graphs.items()
    )
    names = ("graph", "runs", "operators", "initialisers", "constants, M", "GFLOP per run")
    return make_table("The bundle's graphs", names, rows)


def _times(measured: SideBySide) -> Table:
    rounds = measured.rounds
    ratios = sorted(rounds.ratios(*NAMES.values()))
    published, exported = map(rounds.median_s, NAMES.values())
    table = Table(title=f"Seconds per image, {len(ratios)} rounds in turns", show_header=False)
    for name, seconds in rounds.seconds.items():
        listed = ", ".join(f"{value:.2f}" for value in seconds)
        table.add_row(name, f"median {rounds.median_s(name):.2f} ({listed})")
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f} by round"
    table.add_row("times faster", f"{published / exported:.2f} ({spread})")
    table.add_row("opening the bundle", f"{measured.opening_s:.1f} s")
    table.add_row("difference of the maps", f"{measured.map_error:.1e} of their norm")
    table.add_row("difference of the scores", f"{measured.score_difference:.1e}")
    if measured.peak_memory_bytes is not None:
        table.add_row("peak memory, both", f"{measured.peak_memory_bytes / 1e9:.1f} GB")
    return table
