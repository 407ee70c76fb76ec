"""`diad-run`: images in, a report out."""

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diad_deploy import __version__
from diad_deploy.cli.console import printable, run_command
from diad_deploy.cli.image_options import image_options
from diad_deploy.cli.log_options import log_options
from diad_deploy.cli.model_options import model_options

if TYPE_CHECKING:
    from diad_deploy.images.options import ImageOptions
    from diad_deploy.inspection.run import InspectionConfig
    from diad_deploy.inspection.summary import Summary

FOLDER = click.Path(path_type=Path)


EXAMPLES = """\b
Examples:
  diad-run parts/ --bundle bundle -o out
  diad-run 'line1/**/*.png' --bundle bundle -o out --maps npy --workers 4
  diad-run parts/ --bundle bundle -o out --class screw --fail-on-defect
  diad-run --demo -o out"""


@click.command(name="diad-run", epilog=EXAMPLES)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--bundle", type=FOLDER, metavar="FOLDER", help="The bundle to run.")
@click.option(
    "-o", "--output", type=FOLDER, metavar="FOLDER", required=True, help="Folder of the report."
)
@model_options
@image_options
@click.option(
    "--workers",
    type=click.IntRange(min=1, max=256),
    help="Threads that read images.  [default: 2 to 4, depending on the number of cores]",
)
@click.option(
    "--scale",
    type=(float, float),
    metavar="LOW HIGH",
    help="Scale of all heatmaps, in units of the anomaly map.  [default: the bundle's]",
)
@click.option(
    "--maps",
    type=click.Choice(["npy", "tiff"]),
    help="Write raw anomaly maps too, as float32.",
)
@click.option(
    "--threshold",
    type=float,
    metavar="SCORE",
    help="Scores above this are defects.  [default: the thresholds set by diad-calibrate]",
)
@click.option(
    "--thresholds", type=FOLDER, metavar="FILE", help="Use the thresholds in this file instead."
)
@click.option(
    "--class",
    "class_name",
    metavar="NAME",
    help="Class of all images.  [default: the folder of each image]",
)
@click.option("--fail-on-defect", is_flag=True, help="Exit with status 3 if an image is defective.")
@click.option(
    "--resume", is_flag=True, help="Resume a run that was stopped; failed images are retried."
)
@click.option(
    "--force", is_flag=True, help="Replace an earlier report; other files in the folder are kept."
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option(
    "--demo", is_flag=True, help="Use the built-in bundle and images where none are given."
)
@log_options
@click.version_option(__version__, prog_name="diad-run")
def command(*, as_json: bool, **given: Any) -> int:
    """Find defects in images and write a report.

    PATHS are image files, folders (searched to any depth) and patterns such as
    'parts/**/*.png'. The report contains results.jsonl, results.csv, a heatmap for each image,
    and report.html, which opens in any browser.

    The exit status is 0 if all images were inspected, 1 if some failed, 2 if nothing could be
    done, and 130, 143 or 129 if interrupted. With --fail-on-defect it is 3 if an image is
    defective, even if others failed.
    """
    from diad_deploy.cli.progress import show_progress
    from diad_deploy.inspection.run import inspect_images

    # warnings of libraries about damaged images are not shown: the row has the reason
    warnings.simplefilter("ignore")
    with show_progress() as progress:
        summary = inspect_images(_config(**given), progress=progress)
    if as_json:
        click.echo(json.dumps(summary.as_json(), indent=2))
    else:
        _print_summary(summary)
    return summary.exit_status


def _config(
    *,
    paths: tuple[Path, ...],
    bundle: Path | None,
    demo: bool,
    resume: bool,
    force: bool,
    reading: "ImageOptions",
    **given: Any,
) -> "InspectionConfig":
    from diad_deploy.bundle.folder import builtin_bundle, builtin_images
    from diad_deploy.inspection.run import InspectionConfig

    if resume and force:
        raise click.UsageError("--resume and --force cannot be used together; choose one.")
    if not demo and not paths:
        raise click.UsageError("PATHS are missing: name images or folders, or use --demo.")
    if not demo and bundle is None:
        raise click.UsageError("--bundle is missing: name a bundle's folder, or use --demo.")
    return InspectionConfig(
        paths=paths or (builtin_images(),),
        bundle=bundle or builtin_bundle(),
        bundle_name="built-in" if bundle is None else None,
        existing="resume" if resume else "force" if force else "refuse",
        **given,
        **reading.arguments,
    )


def _print_summary(summary: "Summary") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from diad_deploy.images.discover import describe_skipped

    console = Console(highlight=False, soft_wrap=True)
    if summary.highest:
        table = Table(title="Highest scores", title_justify="left")
        table.add_column("Image", overflow="fold")
        table.add_column("Score", justify="right")
        for image, score in summary.highest:
            table.add_row(Text(printable(image)), f"{score:.4f}")
        console.print(table)
    failed = f", {summary.failed} failed" if summary.failed else ""
    speed = f"{summary.pictures_per_second:.3g} images per second"
    console.print(f"{summary.ok} images inspected{failed}; {speed}")
    if summary.decisions is not None:
        counts = f"{summary.decisions['defect']} defective, {summary.decisions['good']} good"
        console.print(Text(printable(f"{counts}; thresholds: {summary.thresholds}")))
    if summary.passed_over:
        console.print(Text(printable(describe_skipped(summary.passed_over))))
    for warning in summary.warnings:
        console.print(Text(printable(f"warning: {warning}"), style="yellow"))
    devices = ", ".join(summary.devices)
    console.print(
        Text(printable(f"backend: {summary.backend} on {devices} ({summary.backend_reason})"))
    )
    console.print(Text(f"report: {printable(summary.report)}"))


def main() -> None:
    """Entry point of `diad-run`."""
    run_command(command)
