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
@click.option("--bundle", type=FOLDER, metavar="FOLDER", required=True, help="The bundle to run.")
@click.option(
    "-o",
    "--output",
    type=FOLDER,
    metavar="FOLDER",
    help="Write evaluation.json, evaluation.csv, pictures.csv and page.html there.",
)
@click.option(
    "--layout",
    default="auto",
    show_default=True,
    help="How the data lie: auto, mvtec-ad, mvtec-3d, visa, plain.",
)
@click.option(
    "--class", "classes", multiple=True, metavar="NAME", help="Only this class; can be repeated."
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

    DATA is a test set in the layout of MVTec-AD, VisA or MVTec-3D (its RGB images), or a folder
    with good/, defect/ and masks/ (or these for each class); or one class of it. Folders may be
    called ok and ng or the like, in any case. The metrics are those of the published evaluation, a
    class each and their mean. A defective image counts for the image metrics only where its mask
    is missing, cannot be used, or marks nothing or everything.

    Ends with status 0 if all was used, 1 if some images or masks could not be, 2 if nothing
    could be done, and 130, 143 or 129 if interrupted; what was whole by then is kept.
    """
    from diad_evaluate.cli.extra import check_extra

    check_extra()
    from diad_deploy.cli.progress import show_progress
    from diad_evaluate.evaluate import EvaluationConfig, evaluate_folder

    # a library's remark on a damaged image is no line for the user: the row has the reason
    warnings.simplefilter("ignore")
    config = EvaluationConfig(**given, **reading.arguments)
    told: list[Evaluation] = []
    output: Path | None = given["output"]
    try:
        with show_progress() as progress:
            found = evaluate_folder(config, progress=progress, tell=told.append)
    except OutputError:
        output = None
        raise
    finally:
        # after the progress bar is gone; also where the run was stopped or could not be written
        for each in told:
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
