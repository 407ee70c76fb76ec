"""`python -m diad_benchmarks.studies.savings`: what the export leaves out, counted and timed."""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from diad_benchmarks.models.models import find_model
from diad_benchmarks.studies.ladder import Rung, climb
from diad_benchmarks.studies.side_by_side import BUNDLE, PUBLISHED, SideBySide, measure
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.cli.console import run_command
from diad_export.model.sizes import PUBLISHED as PUBLISHED_SIZES
from diad_export.onnx.work import GraphWork, count_work
from diad_export.options import BuildOptions, Recommended, ResolvedOptions, settle

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--checkpoint", type=PATH, help="A trained model [default: published size, random].")
@click.option("--bundle", type=PATH, help="Its bundle [default: one is built and thrown away].")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--count-only", is_flag=True, help="Count the published size's work; time nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print everything, as JSON.")
def command(
    checkpoint: Path | None, bundle: Path | None, rounds: int, count_only: bool, as_json: bool
) -> None:
    """Time the published order of work in PyTorch against the bundle on ONNX Runtime.

    At the published size this takes 15 GB of memory, 11 GB of disk and ten minutes.

    Example: python -m diad_benchmarks.studies.savings --count-only
    """
    if count_only:
        rungs = tuple(climb(PUBLISHED_SIZES, settle(BuildOptions(), Recommended())))
        _print(as_json, {"rungs": [asdict(rung) for rung in rungs]}, rungs_table(rungs))
        return
    if bundle is not None and checkpoint is None:
        raise click.UsageError("--bundle needs the --checkpoint that it was built from")
    with tempfile.TemporaryDirectory(prefix="diad-savings-") as scratch:
        model = find_model(
            "full", checkpoint=checkpoint, bundle=bundle, scratch=Path(scratch), tell=_tell
        )
        folder = model.bundle.path
        measured = measure(model.checkpoint, folder, rounds=rounds, tell=_tell)
        manifest = measured.manifest
        rungs = tuple(climb(measured.sizes, _settings(manifest)))
        graphs = {graph.name: count_work(folder / graph.file) for graph in manifest.graphs}
    everything = {
        **measured.as_json(),
        "rungs": [asdict(rung) for rung in rungs],
        "graphs": {name: asdict(work) for name, work in graphs.items()},
    }
    _print(
        as_json,
        everything,
        rungs_table(rungs),
        graphs_table(graphs, manifest.schedule.steps),
        times_table(measured),
    )


def _settings(manifest: Manifest) -> ResolvedOptions:
    """What the bundle was built with."""
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
    """One row a rung; each keeps what the rows above it left out."""
    table = Table(title="One image, as PyTorch runs it")
    table.add_column("left out, too")
    for name in ("operators", "weights, M", "GFLOP", "of all"):
        table.add_column(name, justify="right")
    first = rungs[0].work.multiply_adds
    for rung in rungs:
        table.add_row(
            rung.left_out,
            f"{rung.work.operators:,}",
            f"{rung.work.weights / 1e6:.1f}",
            f"{2e-9 * rung.work.multiply_adds:.1f}",
            f"{rung.work.multiply_adds / first:.1%}",
        )
    return table


def graphs_table(graphs: dict[str, GraphWork], steps: int) -> Table:
    """What is in the bundle's graphs themselves."""
    table = Table(title="The bundle's graphs")
    table.add_column("graph")
    for name in ("runs", "operators", "initialisers", "constants, M", "GFLOP a run"):
        table.add_column(name, justify="right")
    for name, work in graphs.items():
        table.add_row(
            name,
            str(steps if name == "denoiser" else 1),
            f"{sum(work.operators.values()):,}",
            f"{work.initialisers:,}",
            f"{work.constants / 1e6:.1f}",
            f"{2e-9 * work.multiply_adds:.1f}",
        )
    return table


def times_table(measured: SideBySide) -> Table:
    """Seconds an image, and how far both ways are apart."""
    rounds = measured.rounds
    ratios = sorted(rounds.ratios(PUBLISHED, BUNDLE))
    table = Table(title=f"Seconds an image, {len(ratios)} rounds in turns", show_header=False)
    for name, seconds in rounds.seconds.items():
        listed = ", ".join(f"{value:.2f}" for value in seconds)
        table.add_row(name, f"median {rounds.median_s(name):.2f} ({listed})")
    median = rounds.median_s(PUBLISHED) / rounds.median_s(BUNDLE)
    table.add_row("times faster", f"{median:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f} by round)")
    table.add_row("opening the bundle", f"{measured.opening_s:.1f} s")
    table.add_row("maps apart by", f"{measured.map_error:.1e} of their norm")
    table.add_row("scores apart by", f"{measured.score_difference:.1e}")
    if measured.peak_memory_bytes is not None:
        table.add_row("peak memory, both", f"{measured.peak_memory_bytes / 1e9:.1f} GB")
    return table


def _print(as_json: bool, everything: dict[str, Any], *tables: Table) -> None:
    if as_json:
        click.echo(json.dumps(everything, indent=2))
        return
    console = Console()
    for table in tables:
        console.print(table)


def _tell(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    run_command(command)
