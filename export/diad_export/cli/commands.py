"""`diad-export`: build, inspect and verify bundles, and build their engines."""

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
@click.option("-o", "--output", type=PATH, required=True, help="Folder of the bundle.")
@click.option("--force", is_flag=True, help="Replace an existing bundle.")
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
    help="Spacing of the timesteps: leading as published, or trailing, which starts at the last "
    "timestep, the one that fits pure noise [default: the checkpoint's, else leading].",
)
@click.option(
    "--posterior",
    type=click.Choice(["mode", "sample"]),
    default="mode",
    show_default=True,
    help="Use the mode of the autoencoder's posterior, or a sample with noise of the bundle.",
)
@click.option(
    "--only-mid-control/--no-only-mid-control",
    default=True,
    show_default=True,
    help="Apply control after the middle block and in three decoder blocks, or in all skip "
    "connections.",
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
    help="Average pools of the score: side in pixels and number [default: the checkpoint's, else "
    "8 8].",
)
@click.option(
    "--heatmap-scale",
    type=(float, float),
    metavar="LOW HIGH",
    help="Scale of the heatmaps, in units of the anomaly map [default: the checkpoint's, "
    "else 0 1].",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the bundle's noise.")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    show_default=True,
    help="Precision of the graphs; fp16 is mixed precision, with float32 where it is needed.",
)
@click.option(
    "--convolutions",
    type=click.Choice(["plain", "winograd"]),
    default="plain",
    show_default=True,
    help="winograd rewrites 3 x 3 convolutions for CPUs: up to 1.8 times as fast, with files up to "
    "four times as large; only for fp32 without engines.",
)
@click.option(
    "--calibration",
    type=PATH,
    metavar="DIR",
    help="Good images to calibrate fp16 with [default: the built-in ones].",
)
@image_options
@log_options
def build(*, pool: tuple[int, int] | None, reading: "ImageOptions", **given: Any) -> None:
    """Export CHECKPOINT to a bundle, with TensorRT engines if --target is given.

    Example: diad-export build demo/checkpoint.safetensors -o bundle --precision fp16
    """
    check_extras("export")
    from diad_export.build import BuildConfig, build_bundle
    from diad_export.cli.engine_progress import show_build
    from diad_export.peak_memory import watch_memory
    from diad_export.torch_threads import limit_threads

    limit_threads()
    start = time.monotonic()
    size_px, count = pool or (None, None)
    config = BuildConfig(pool_size_px=size_px, pool_count=count, **given, **reading.arguments)
    with watch_memory() as peak:
        bundle = build_bundle(config, progress=_print_progress, bar=show_build)
    click.echo(f"wrote {bundle.path}")
    memory = f", {peak}" if peak.own_bytes else ""
    _print_progress(f"{time.monotonic() - start:.0f} s{memory}")


@command.command(name="engines")
@click.argument("bundle", type=PATH)
@engine_options(required=True)
@log_options
def build_engines(bundle: Path, engines: Any) -> None:
    """Build or rebuild TensorRT engines for an existing BUNDLE.

    The rest of the bundle stays unchanged, including the engines of the other target.

    Example: diad-export engines bundle --target tensorrt-rtx --compute-capability 8.9
    """
    check_extras("export")
    from diad_export.cli.engine_progress import show_build
    from diad_export.engines.bundle_engines import add_engines

    built = add_engines(bundle, engines, progress=_print_progress, bar=show_build)
    click.echo(f"wrote {built.path}")


@command.command()
@click.argument("path", type=PATH)
@source_options
@click.option("--json", "as_json", is_flag=True, help="Print everything, as JSON.")
@log_options
def inspect(path: Path, as_json: bool, **parts: Any) -> None:
    """Describe a bundle or a checkpoint, and what the checkpoint lacks.

    Example: diad-export inspect demo/checkpoint.safetensors
    """
    check_extras("export")
    from diad_export.cli.inspect import inspect_path

    found = inspect_path(path, parts)
    click.echo(json.dumps(found.as_json(), indent=2) if as_json else found.as_text())


@command.command()
@click.argument("bundle", type=PATH)
@click.option(
    "--images", type=PATH, required=True, help="Labelled images: the folders are the labels."
)
@click.option("--masks", type=PATH, help="Folder of the masks [default: masks or ground_truth].")
@click.option(
    "--most", type=click.IntRange(min=1), help="Use at most this many images, evenly spread."
)
@strict_option
@click.option(
    "--checkpoint", type=PATH, help="Checkpoint the bundle was built from, unless it is next to it."
)
@source_options
@click.option("--backend", default="auto", show_default=True, help="Backend to run the bundle.")
@device_option
@tf32_option
@click.option("--threshold", type=float, help="Scores above this are defects.")
@click.option(
    "--noise-floor/--no-noise-floor",
    default=True,
    show_default=True,
    help="For comparison, also run PyTorch with noise of another seed.",
)
@click.option(
    "--torch-half",
    is_flag=True,
    help="For comparison, also run PyTorch in float16 (autocast).",
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
    """Compare BUNDLE with PyTorch on the same images and noise.

    Folders called good (or ok and the like) hold good images, all others defective ones; masks are
    used where they are found, as by diad-evaluate. The result is stored in the bundle's manifest.
    The exit status is 0 if everything is within the limits, 1 if not, 2 if nothing could be run.

    Example: diad-export verify bundle --images photos --checkpoint demo/checkpoint.safetensors
    """
    check_extras("export")
    from diad_deploy.cli.progress import show_progress
    from diad_export.torch_threads import limit_threads
    from diad_export.verify.bundle import VerificationConfig, verify_bundle

    limit_threads()
    config = VerificationConfig(limits=limits, **given, **reading.arguments)
    with show_progress() as report_progress:
        found = verify_bundle(config, progress=report_progress)
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


def _print_progress(line: str) -> None:
    click.echo(line, err=True)


def main() -> None:
    """Entry point of `diad-export`."""
    run_command(command)
