"""`python -m demo.curves`: keeps a training's logs and draws their loss curves."""

import shutil
from pathlib import Path

import click
import matplotlib.pyplot as plt

from demo.train import DEFAULT_FOLDER, STAGES
from demo.training import log_path, read_log
from diad_deploy.cli.console import run_command
from diad_deploy.errors import OptionError

DEFAULT_KEPT = Path(__file__).with_name("training")


def keep_logs(logs: Path, kept: Path) -> list[Path]:
    """Copy every stage's log from `logs` to `kept`.

    Raises:
        OptionError: the log of a stage is not there.
    """
    found = [log_path(logs, stage) for stage in STAGES]
    absent = [path.name for path in found if not path.exists()]
    if absent:
        raise OptionError(
            f"{logs}: expected the logs of a finished training, found no {', '.join(absent)}; "
            "run python -m demo.train to its end first"
        )
    kept.mkdir(parents=True, exist_ok=True)
    return [
        path if path.parent.samefile(kept) else Path(shutil.copy(path, kept / path.name))
        for path in found
    ]


def draw_curves(logs: list[Path], image: Path) -> None:
    """One plot a stage: the loss as logged, by step."""
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
    "kept",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_KEPT,
    show_default="demo/training",
    help="Where logs and curves are kept.",
)
def command(logs: Path, kept: Path) -> None:
    """Keep the logs of a finished training, and draw their loss curves.

    Example: python -m demo.curves
    """
    image = kept / "curves.png"
    draw_curves(keep_logs(logs, kept), image)
    click.echo(f"wrote {image}")


if __name__ == "__main__":
    run_command(command)
