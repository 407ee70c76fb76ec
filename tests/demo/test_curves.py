"""`python -m demo.curves`: copies logs, draws curves, and names missing logs."""

import json
from pathlib import Path

from click.testing import CliRunner
from PIL import Image

from demo.curves import DEFAULT_TARGET, command
from demo.learning.training import log_path, read_log
from demo.settings import load_settings
from demo.train import STAGES


def test_logs_of_the_committed_training_are_complete() -> None:
    train = load_settings().train
    for stage in STAGES:
        rows = list(read_log(log_path(DEFAULT_TARGET, stage)))
        assert rows[-1]["step"] == getattr(train, stage).steps
        assert rows[-1]["loss"] < rows[0]["loss"]


def test_curves_are_drawn_and_logs_copied(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        command, ["--logs", str(DEFAULT_TARGET), "-o", str(tmp_path)], catch_exceptions=False
    )
    assert done.exit_code == 0
    assert "curves.png" in done.output
    with Image.open(tmp_path / "curves.png") as image:
        assert image.width > 4 * image.height
    kept = (tmp_path / "diffusion.log.jsonl").read_text().splitlines()
    assert json.loads(kept[-1])["step"] == load_settings().train.diffusion.steps


def test_missing_logs_are_named(tmp_path: Path) -> None:
    (tmp_path / "features.log.jsonl").write_text('{"step": 1, "loss": 1.0, "wall_s": 1.0}\n')
    done = CliRunner().invoke(command, ["--logs", str(tmp_path), "-o", str(tmp_path / "out")])
    assert done.exit_code != 0
    assert "autoencoder.log.jsonl" in str(done.exception)
    assert not (tmp_path / "out").exists()
