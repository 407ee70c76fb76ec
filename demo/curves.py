"""`python -m demo.curves`: copies the logs of a training and draws its loss curves."""

import shutil
from pathlib import Path

import click
import matplotlib.pyplot as plt

from demo.learning.training import log_path, read_log
from demo.train import DEFAULT_FOLDER, STAGES
from diad_deploy.cli.console import run_command
from diad_deploy.errors import OptionError

DEFAULT_TARGET = Path(__file__).with_name("training")


def copy_logs(logs: Path, target: Path) -> list[Path]:
    """Copy the log of every stage from `logs` to `target`; returns the copies.

    Raises:
        OptionError: the log of a stage is missing.
    """
    found = [log_path(logs, stage) for stage in STAGES]
    missing = [path.name for path in found if not path.exists()]
    if missing:
        raise OptionError(
            f"{logs}: expected the logs of a finished training, missing {', '.join(missing)}; "
            "complete the training with python -m demo.train"
        )
    target.mkdir(parents=True, exist_ok=True)
    return [
        path if path.parent.samefile(target) else Path(shutil.copy(path, target / path.name))
        for path in found
    ]


def draw_curves(logs: list[Path], image: Path) -> None:
    """Plot the logged loss of each stage by step."""
    size = (4 * len(logs), 3)
    figure, [plots] = plt.subplots(1, len(logs), figsize=size, layout="constrained", squeeze=False)
    for path, plot in zip(logs, plots, strict=True):
        rows = list(read_log(path))
        plot.plot([row["step"] for row in rows], [row["loss"] for row in rows])
        minutes = rows[-1]["wall_s"] / 60
        plot.set(title=f"{path.name.split('.')[0]}: {minutes:.0f} min", xlabel="step")
        plot.set_yscale("log")
    plots[0].set_ylabel("loss")
    figure.savefig(image, dpi=100)
    plt.close(figure)


@click.command()
@click.option(
    "--logs",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_FOLDER,
    show_default="demo/work",
    help="Where the training wrote its logs.",
)
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_TARGET,
    show_default="demo/training",
    help="Where to write logs and curves.",
)
def command(logs: Path, target: Path) -> None:
    """Copy the logs of a finished training, and draw its loss curves.

    Example: python -m demo.curves
    """
    image = target / "curves.png"
    draw_curves(copy_logs(logs, target), image)
    click.echo(f"wrote {image}")


if __name__ == "__main__":
    run_command(command)
