"""`python -m demo.curves`: keeps a training's logs and draws their loss curves."""

import shutil
from pathlib import Path

import click
import matplotlib.pyplot as plt
import numpy as np

from demo.settings import TrainSettings
from demo.training import read_log
from diad_deploy.console import run_command
from diad_deploy.errors import OptionError

DEFAULT_LOGS = Path(__file__).with_name("work")
DEFAULT_KEPT = Path(__file__).with_name("training")
STAGES: tuple[str, ...] = TrainSettings.__slots__
SMOOTHED_ROWS = 9


def keep_logs(logs: Path, kept: Path) -> list[Path]:
    """Copy every stage's log from `logs` to `kept`.

    Raises:
        OptionError: the log of a stage is not there.
    """
    found = [logs / f"{stage}.log.jsonl" for stage in STAGES]
    absent = [path.name for path in found if not path.exists()]
    if absent:
        raise OptionError(
            f"{logs}: expected the logs of a finished training, found no {', '.join(absent)}; "
            "run python -m demo.train to its end first"
        )
    kept.mkdir(parents=True, exist_ok=True)
    return [
        path if path.parent == kept else Path(shutil.copy(path, kept / path.name)) for path in found
    ]


def draw_curves(logs: list[Path], picture: Path) -> None:
    """One plot a stage: loss by step, as logged and smoothed."""
    figure, plots = plt.subplots(1, len(logs), figsize=(4 * len(logs), 3), layout="constrained")
    for path, plot in zip(logs, np.atleast_1d(plots), strict=True):
        rows = list(read_log(path))
        steps = [row["step"] for row in rows]
        losses = np.array([row["loss"] for row in rows])
        plot.plot(steps, losses, color="0.75", linewidth=1)
        plot.plot(steps, _smooth(losses), color="C0")
        minutes = rows[-1]["wall_s"] / 60
        plot.set(title=f"{path.name.split('.')[0]}: {minutes:.0f} min", xlabel="step")
        plot.set_yscale("log")
    np.atleast_1d(plots)[0].set_ylabel("loss")
    figure.savefig(picture, dpi=100)
    plt.close(figure)


def _smooth(losses: np.ndarray) -> np.ndarray:
    """Mean of the `SMOOTHED_ROWS` rows round each, fewer at the ends."""
    window = np.ones(min(SMOOTHED_ROWS, len(losses)))
    return np.convolve(losses, window, "same") / np.convolve(np.ones_like(losses), window, "same")


@click.command()
@click.option(
    "--logs",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_LOGS,
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
    picture = kept / "curves.png"
    draw_curves(keep_logs(logs, kept), picture)
    click.echo(f"wrote {picture}")


if __name__ == "__main__":
    run_command(command)
