"""A short training runs, stops, and resumes to the same end."""

import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from demo.learning.devices import prepare_device
from demo.learning.training import learning_rate, read_log
from demo.settings import Settings, TrainSettings, load_settings
from demo.train import command, train
from diad_deploy.errors import DiadError, OptionError
from diad_export.checkpoint.read import read_checkpoint
from diad_export.checkpoint.weights import load_model
from tests.nvidia_driver import StandInDriver, use_driver

STEPS = 4


@pytest.fixture(scope="module")
def short() -> Settings:
    settings = load_settings()
    stages = {
        name: replace(getattr(settings.train, name), steps=STEPS, batch=2)
        for name in TrainSettings.__slots__
    }
    return replace(
        settings,
        data=replace(settings.data, size_px=64, train_per_product=2, generic_pictures=4),
        unet=replace(settings.unet, channels=(32, 32), attention_levels=(True, False)),
        autoencoder=replace(settings.autoencoder, channels=(32, 32, 32, 32)),
        train=TrainSettings(**stages),
    )


@pytest.fixture(scope="module")
def unbroken(short: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training without a stop, with `model.safetensors` in it."""
    folder = tmp_path_factory.mktemp("unbroken")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        train(short, folder, folder / "model.safetensors")
    return folder


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_resumed_training_ends_with_the_same_weights(
    short: Settings, unbroken: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.safetensors"
    rounds = 0
    while not broken.exists():
        results = train(short, tmp_path / "b", broken, stop_after=3)
        rounds += 1
        assert rounds < 10
    assert rounds > 1
    assert all(result.finished for result in results)
    one = load_model(read_checkpoint(unbroken / "model.safetensors")).state_dict()
    other = load_model(read_checkpoint(broken)).state_dict()
    for name, value in one.items():
        assert torch.allclose(value.float(), other[name].float(), atol=2e-3), name


def test_log_says_what_each_stage_cost(unbroken: Path) -> None:
    for name in TrainSettings.__slots__:
        rows = list(read_log(unbroken / f"{name}.log.jsonl"))
        assert rows[-1]["step"] == STEPS
        assert rows[-1]["cpu_s"] > 0
        assert rows[-1]["pictures_per_s"] > 0


def test_a_missing_gpu_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    use_driver(monkeypatch, None)
    with pytest.raises(DiadError, match=r"no NVIDIA driver|built without CUDA"):
        prepare_device("cuda")
    use_driver(monkeypatch, StandInDriver())
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(OptionError, match=r"cuda:1: expected a GPU that PyTorch can use.*found 1"):
        prepare_device("cuda:1")
    for name in ("gpu", "meta"):
        with pytest.raises(OptionError, match="expected cpu, cuda or cuda:N"):
            prepare_device(name)


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_training_resumes_on_a_gpu(short: Settings, tmp_path: Path) -> None:
    checkpoint = tmp_path / "model.safetensors"
    train(short, tmp_path, checkpoint, stop_after=2)
    results = train(short, tmp_path, checkpoint, device="cuda", batch_scale=2)
    assert all(result.finished for result in results)
    state = load_model(read_checkpoint(checkpoint)).state_dict()
    assert all(value.isfinite().all() for value in state.values() if value.is_floating_point())


def test_learning_rate_warms_up_and_decays() -> None:
    settings = replace(load_settings().train.diffusion, steps=1000, learning_rate=1.0)
    rates = [learning_rate(settings, step) for step in range(1000)]
    assert rates[0] < 0.02
    assert max(rates) == pytest.approx(1.0, abs=1e-3)
    assert rates[-1] == pytest.approx(0.02, abs=1e-3)


def test_all_invalid_settings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('seed = "one"\n[data]\nsize_px = 64\n')
    with pytest.raises(OptionError) as caught:
        load_settings(path)
    assert "seed" in str(caught.value)
    assert "data.train_per_product" in str(caught.value)


def test_help_holds_an_example() -> None:
    assert "Example: python -m demo.train" in CliRunner().invoke(command, ["--help"]).output


def test_bad_settings_end_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo.train", "--settings", str(tmp_path / "absent.toml")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) <= 3
    assert "Traceback" not in done.stderr
