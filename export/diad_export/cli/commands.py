"""`diad-export`: build a bundle, look at a bundle or a checkpoint."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diad_deploy import __version__
from diad_deploy.cli.console import printable, run_command
from diad_deploy.cli.extras import check_extras
from diad_deploy.cli.image_options import image_options, strict_option
from diad_deploy.cli.log_options import log_options
from diad_deploy.cli.model_options import device_option, tf32_option
from diad_export.cli.engine_options import engine_options
from diad_export.cli.options import limit_options, source_options

if TYPE_CHECKING:
    from diad_deploy.images.options import ImageOptions
    from diad_export.verify.result import Limits

PATH = click.Path(path_type=Path)


@click.group(name="diad-export")
@click.version_option(__version__, prog_name="diad-export")
def command() -> None:
    """Turn a trained DiAD checkpoint into a bundle that runs without PyTorch."""


@command.command()
@click.argument("checkpoint", type=PATH)
@source_options
@engine_options(required=False)
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
    help="Where the steps lie: as published, or from the last timestep on, which fits the noise "
    "that the latents start with [default: the checkpoint's, else leading].",
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
    "--convolutions",
    type=click.Choice(["plain", "winograd"]),
    default="plain",
    show_default=True,
    help="winograd rewrites 3 x 3 convolutions for processors: up to 1.8 times as fast there, on "
    "up to four times the room; for float32 without engines.",
)
@click.option(
    "--calibration",
    type=PATH,
    metavar="DIR",
    help="Good images that show where fp16 needs float32 [default: the built-in ones].",
)
@image_options
@log_options
def build(*, pool: tuple[int, int] | None, reading: "ImageOptions", **given: Any) -> None:
    """Export CHECKPOINT to a bundle, with TensorRT engines where a --target is given.

    Example: diad-export build demo/checkpoint.safetensors -o bundle --precision fp16
    """
    check_extras("export")
    from diad_export.build import BuildConfig, build_bundle
    from diad_export.cli.engine_progress import shown_build
    from diad_export.peak_memory import watch_memory
    from diad_export.torch_threads import limit_threads

    limit_threads()
    start = time.monotonic()
    size_px, count = pool or (None, None)
    config = BuildConfig(pool_size_px=size_px, pool_count=count, **given, **reading.arguments)
    with watch_memory() as peak:
        bundle = build_bundle(config, progress=_tell, bar=shown_build)
    click.echo(f"wrote {bundle.path}")
    memory = f", {peak}" if peak.own_bytes else ""
    _tell(f"{time.monotonic() - start:.0f} s{memory}")


@command.command(name="engines")
@click.argument("bundle", type=PATH)
@engine_options(required=True)
@log_options
def build_engines(bundle: Path, engines: Any) -> None:
    """Build TensorRT engines for a BUNDLE that is there, or build them again.

    All else in the bundle stays, the other target's engines included.

    Example: diad-export engines bundle --target tensorrt-rtx --compute-capability 8.9
    """
    check_extras("export")
    from diad_export.cli.engine_progress import shown_build
    from diad_export.engines.bundle_engines import add_engines

    built = add_engines(bundle, engines, progress=_tell, bar=shown_build)
    click.echo(f"wrote {built.path}")


@command.command()
@click.argument("path", type=PATH)
@source_options
@click.option("--json", "as_json", is_flag=True, help="Print everything, as JSON.")
@log_options
def inspect(path: Path, as_json: bool, **parts: Any) -> None:
    """Say what PATH is: a bundle, or a checkpoint and what it lacks.

    Example: diad-export inspect demo/checkpoint.safetensors
    """
    check_extras("export")
    from diad_export.cli.inspect import inspect_path

    found = inspect_path(path, parts)
    click.echo(json.dumps(found.as_json(), indent=2) if as_json else found.as_text())


@command.command()
@click.argument("bundle", type=PATH)
@click.option("--images", type=PATH, required=True, help="Images to run, with folders as labels.")
@click.option("--masks", type=PATH, help="Where the masks lie [default: masks or ground_truth].")
@click.option("--most", type=click.IntRange(min=1), help="Take so many images, evenly spread.")
@strict_option
@click.option("--checkpoint", type=PATH, help="What the bundle was built from, if not beside it.")
@source_options
@click.option("--backend", default="auto", show_default=True, help="What runs the bundle.")
@device_option
@tf32_option
@click.option("--threshold", type=float, help="Scores above it are defects.")
@click.option(
    "--noise-floor/--no-noise-floor",
    default=True,
    show_default=True,
    help="Run PyTorch again with noise of another seed, to compare with.",
)
@click.option(
    "--torch-half",
    is_flag=True,
    help="Run PyTorch again in its own float16 (autocast), to compare with.",
)
@click.option(
    "--rounding",
    type=click.Choice(["every-node", "as-run"]),
    default="every-node",
    show_default=True,
    help="Float16 graphs on a CPU: round every float16 value as a GPU does, or run them as ONNX "
    "Runtime's CPU does, which leaves most values in float32.",
)
@image_options
@limit_options
@click.option("--json", "as_json", is_flag=True, help="Print everything, as JSON.")
@log_options
def verify(*, as_json: bool, limits: "Limits", reading: "ImageOptions", **given: Any) -> int:
    """Run BUNDLE beside PyTorch on the same images and noise, and say whether it decides alike.

    Where folders are called good (or ok and the like) and otherwise, these are labels; where masks
    are found, they are used, as diad-evaluate does. The result is stored in the bundle's manifest.
    Ends with status 0 if all is within the limits, 1 if not, 2 if nothing could be run.

    Example: diad-export verify bundle --images photos --checkpoint demo/checkpoint.safetensors
    """
    check_extras("export")
    from diad_deploy.cli.progress import show_progress
    from diad_export.torch_threads import limit_threads
    from diad_export.verify.bundle import VerificationConfig, verify_bundle

    limit_threads()
    config = VerificationConfig(limits=limits, **given, **reading.arguments)
    with show_progress() as tell:
        found = verify_bundle(config, progress=tell)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2))
    else:
        from rich.console import Console

        from diad_export.cli.verification_table import verification_table

        Console(highlight=False, soft_wrap=True).print(verification_table(found))
        for note in found.notes:
            click.echo(printable(f"note: {note}"))
        if found.caution:
            click.echo(f"note: {found.caution}")
        click.echo("passed" if found.passed else f"failed: {'; '.join(found.faults)}")
    return 0 if found.passed else 1


def _tell(line: str) -> None:
    click.echo(line, err=True)


def main() -> None:
    """Entry point of `diad-export`."""
    run_command(command)
