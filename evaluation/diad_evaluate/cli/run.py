"""`diad-evaluate`: a labelled test set in, the published evaluation's metrics out."""

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diad_deploy import __version__
from diad_deploy.cli.console import run_command
from diad_deploy.cli.image_options import image_options, strict_option
from diad_deploy.cli.log_options import log_options
from diad_deploy.cli.model_options import model_options
from diad_deploy.errors import OutputError

if TYPE_CHECKING:
    from diad_deploy.images.options import ImageOptions
    from diad_evaluate.results import Evaluation

FOLDER = click.Path(path_type=Path)

EXAMPLES = """\b
Examples:
  diad-evaluate mvtec/ --bundle bundle -o evaluation
  diad-evaluate mvtec/screw --bundle bundle
  diad-evaluate parts/ --layout plain --bundle bundle --json"""


@click.command(name="diad-evaluate", epilog=EXAMPLES)
@click.argument("data", type=FOLDER)
@click.option("--bundle", type=FOLDER, metavar="FOLDER", required=True, help="Bundle to run.")
@click.option(
    "-o",
    "--output",
    type=FOLDER,
    metavar="FOLDER",
    help="Folder for evaluation.json, evaluation.csv, pictures.csv and page.html.",
)
@click.option(
    "--layout",
    default="auto",
    show_default=True,
    help="Layout of the data: auto, mvtec-ad, mvtec-3d, visa or plain.",
)
@click.option(
    "--class",
    "classes",
    multiple=True,
    metavar="NAME",
    help="Evaluate only this class. Repeatable.",
)
@strict_option
@image_options
@model_options
@click.option("--force", is_flag=True, help="Replace an earlier evaluation in the output folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@log_options
@click.version_option(__version__, prog_name="diad-evaluate")
def command(*, as_json: bool, reading: "ImageOptions", **given: Any) -> int:
    """Evaluate a bundle on labelled images: image and pixel AUROC, AP, F1-max, and AU-PRO.

    DATA is a test set, or one class of it, in the layout of MVTec-AD, VisA or MVTec-3D (its RGB
    images), or a folder with good/, defect/ and masks/, or with these for each class. Other names
    such as ok and ng are recognized, in any case. The metrics are those of the published
    evaluation, for each class and as their mean. A defective image counts for image metrics only
    if its mask is missing, cannot be used, or marks nothing or the whole image.

    The exit status is 0 if all images and masks were used, 1 if some could not be, 2 if nothing
    could be done, and 130, 143 or 129 if interrupted; complete classes are then kept.
    """
    from diad_deploy.cli.extras import check_extras

    check_extras("evaluate")
    from diad_deploy.cli.progress import show_progress
    from diad_evaluate.evaluate import EvaluationConfig, evaluate_folder

    # warnings of libraries about damaged images are not shown: the row has the reason
    warnings.simplefilter("ignore")
    config = EvaluationConfig(**given, **reading.arguments)
    results: list[Evaluation] = []
    output: Path | None = given["output"]
    try:
        with show_progress() as progress:
            found = evaluate_folder(config, progress=progress, on_result=results.append)
    except OutputError:
        output = None
        raise
    finally:
        # after the progress bar, and even if the run was stopped or could not be written
        for each in results:
            _print(each, output, as_json=as_json)
    return found.exit_status


def _print(found: "Evaluation", output: Path | None, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2))
        return
    from diad_evaluate.cli.terminal import print_evaluation

    print_evaluation(found, output)


def main() -> None:
    """Entry point of `diad-evaluate`."""
    run_command(command)
