"""`diad-export`: build a bundle, look at a bundle or a checkpoint."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from diad_deploy import __version__
from diad_deploy.console import run_command

PATH = click.Path(path_type=Path)


@click.group(name="diad-export")
@click.version_option(__version__, prog_name="diad-export")
def command() -> None:
    """Turn a trained DiAD checkpoint into a bundle that runs without PyTorch."""


def _sources(function: Callable[..., None]) -> Callable[..., None]:
    """The options that say where a model's parts come from."""
    for option in reversed(
        (
            click.option(
                "--autoencoder", type=PATH, help="Take the autoencoder from this file instead."
            ),
            click.option(
                "--features", type=PATH, help="Take the feature extractor from this file instead."
            ),
            click.option(
                "--context", type=PATH, help="Take the empty prompt's context from this .npy file."
            ),
            click.option(
                "--extractor", help="The extractor's timm network, where shapes do not tell it."
            ),
        )
    ):
        function = option(function)
    return function


@command.command()
@click.argument("checkpoint", type=PATH)
@_sources
@click.option("-o", "--output", type=PATH, required=True, help="The bundle's folder.")
@click.option("--force", is_flag=True, help="Replace a bundle that is there already.")
@click.option(
    "--image-size",
    "image_size_px",
    type=click.IntRange(min=1),
    help="Side of the model's input in pixels [default: the checkpoint's, else 256].",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    help="DDIM steps [default: the checkpoint's, else 10].",
)
@click.option(
    "--spacing",
    type=click.Choice(["leading", "trailing"]),
    default="leading",
    show_default=True,
    help="Where the steps lie: as published, or from the last timestep on (for few steps).",
)
@click.option(
    "--posterior",
    type=click.Choice(["mode", "sample"]),
    default="mode",
    show_default=True,
    help="Take the posterior's mode, or sample it with noise that lies in the bundle.",
)
@click.option(
    "--only-mid-control/--no-only-mid-control",
    default=True,
    show_default=True,
    help="Control enters after the middle block and in three decoder blocks, or in all skips.",
)
@click.option(
    "--sigma",
    "sigma_px",
    type=float,
    help="Smoothing of the anomaly map in pixels [default: the checkpoint's, else 5].",
)
@click.option(
    "--pool",
    type=(int, int),
    metavar="SIZE COUNT",
    help="The score's average pools: side in px, number [default: the checkpoint's, else 8 8].",
)
@click.option(
    "--heatmap-scale",
    type=(float, float),
    metavar="LOW HIGH",
    help="Fixed scale of heatmaps [default: the checkpoint's, else 0 1].",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the bundle's noise.")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    show_default=True,
    help="What the graphs compute in; fp16 keeps float32 where it is needed.",
)
@click.option(
    "--calibration",
    type=PATH,
    metavar="DIR",
    help="Good pictures that show where fp16 needs float32 [default: the built-in ones].",
)
def build(
    checkpoint: Path,
    autoencoder: Path | None,
    features: Path | None,
    context: Path | None,
    extractor: str | None,
    output: Path,
    force: bool,
    pool: tuple[int, int] | None,
    **given: Any,
) -> None:
    """Export CHECKPOINT to a bundle.

    Example: diad-export build demo/checkpoint.safetensors -o bundle --precision fp16
    """
    from diad_export.build import build as build_bundle
    from diad_export.checkpoint import Sources
    from diad_export.options import BuildOptions
    from diad_export.peak_memory import peak_memory_bytes

    start = time.monotonic()
    size_px, count = pool or (None, None)
    options = BuildOptions(pool_size_px=size_px, pool_count=count, **given)
    sources = Sources(
        checkpoint=checkpoint,
        autoencoder=autoencoder,
        features=features,
        context=context,
        extractor=extractor,
    )
    bundle = build_bundle(sources, output, options, force=force, progress=_tell)
    click.echo(f"wrote {bundle.path}")
    peak = peak_memory_bytes()
    if peak is not None:
        _tell(f"{time.monotonic() - start:.0f} s, at most {peak / 1e9:.1f} GB of memory")


@command.command()
@click.argument("path", type=PATH)
@_sources
@click.option("--json", "as_json", is_flag=True, help="Print everything, as JSON.")
def inspect(path: Path, as_json: bool, **parts: Any) -> None:
    """Say what PATH is: a bundle, or a checkpoint and what it lacks.

    Example: diad-export inspect demo/checkpoint.safetensors
    """
    from diad_export.inspection import inspect_path

    found = inspect_path(path, parts)
    click.echo(json.dumps(found.as_json(), indent=2) if as_json else found.as_text())


def _tell(line: str) -> None:
    click.echo(line, err=True)


def main() -> None:
    """Entry point of `diad-export`."""
    run_command(command)
