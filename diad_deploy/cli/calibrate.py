"""`diad-calibrate`: good images in, thresholds beside the bundle out."""

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
    from diad_deploy.calibration.calibrate import Calibration
    from diad_deploy.images.options import ImageOptions
    from diad_deploy.thresholds.file import Threshold

PATH = click.Path(path_type=Path)

EXAMPLES = """\b
Examples:
  diad-calibrate good/ --bundle bundle
  diad-calibrate good/ --bundle bundle --false-alarm-rate 0.05 --overall
  diad-calibrate screws/ --bundle bundle --class screw --force"""


@click.command(name="diad-calibrate", epilog=EXAMPLES)
@click.argument("good_dir", type=PATH)
@click.option("--bundle", type=PATH, metavar="FOLDER", required=True, help="Bundle to calibrate.")
@click.option(
    "--false-alarm-rate",
    type=float,
    default=0.01,
    show_default=True,
    help="Accepted share of good images that are decided as defective.",
)
@click.option(
    "--per-class/--overall",
    default=True,
    show_default=True,
    help="Set a threshold for each class and an overall one, or only the overall one.",
)
@click.option(
    "--class",
    "class_name",
    metavar="NAME",
    help="Class of all images.  [default: from their folders]",
)
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="FILE",
    help="File of the thresholds.  [default: thresholds.json in the bundle]",
)
@image_options
@model_options
@click.option("--force", is_flag=True, help="Replace existing thresholds.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@log_options
@click.version_option(__version__, prog_name="diad-calibrate")
def command(*, good_dir: Path, as_json: bool, reading: "ImageOptions", **given: Any) -> int:
    """Set the thresholds of a bundle from images of good parts.

    GOOD_DIR contains representative good images that the model was not trained on, with one folder
    per class: CLASS/, CLASS/good/ or CLASS/train/good/. The threshold is the score that at most
    the given share of good images is expected to exceed. The more images there are, the narrower
    is its confidence interval. A rate of 0.01 needs at least 99 images.

    The exit status is 0 if all images were inspected, 1 if some failed, 2 if nothing could be
    done, and 130, 143 or 129 if interrupted.
    """
    from diad_deploy.calibration.calibrate import CalibrationConfig, calibrate
    from diad_deploy.cli.progress import show_progress

    # warnings of libraries about damaged images are not shown: the result has the reason
    warnings.simplefilter("ignore")
    config = CalibrationConfig(folder=good_dir, **given, **reading.arguments)
    with show_progress() as progress:
        found = calibrate(config, progress=progress)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2))
    else:
        _print(found)
    return found.exit_status


def _print(found: "Calibration") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from diad_deploy.images.discover import describe_skipped

    console = Console(highlight=False, soft_wrap=True)
    thresholds = found.thresholds
    table = Table(
        title=f"Thresholds for a false-alarm rate of {thresholds.false_alarm_rate:g}",
        title_justify="left",
    )
    table.add_column("Class", overflow="fold")
    for name in ("Images", "Threshold", "Above it", "False alarms expected"):
        table.add_column(name, justify="right")
    for name, one in (*thresholds.classes.items(), ("overall", thresholds.overall)):
        cells = (str(one.pictures), f"{one.score:.6g}", str(one.above))
        table.add_row(Text(printable(name)), *cells, _interval(one))
    console.print(table)
    console.print(f"({thresholds.confidence:.0%} intervals, from the number of images)")
    if found.left_out:
        console.print(
            f"{found.left_out} images that are not in folders of good images were left out"
        )
    if found.passed_over:
        console.print(Text(printable(describe_skipped(found.passed_over))))
    for image, reason in found.failures:
        console.print(Text(printable(f"failed: {image}: {reason}")))
    if found.failed > len(found.failures):
        console.print(f"failed: {found.failed - len(found.failures)} more")
    names = ", ".join(f"{image} ({score:.4g})" for image, score in found.highest)
    console.print(Text(printable(f"highest scores, to be checked for defects: {names}")))
    for warning in found.warnings:
        console.print(Text(printable(f"warning: {warning}")))
    console.print(Text(f"thresholds: {printable(found.output)}"))


def _interval(one: "Threshold") -> str:
    return f"{one.expected_rate:.2%} ({one.rate_low:.2%} to {one.rate_high:.2%})"


def main() -> None:
    """Entry point of `diad-calibrate`."""
    run_command(command)
