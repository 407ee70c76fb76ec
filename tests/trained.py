"""Checkpoints and bundles shared by several tests; each is created once."""

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from diad_deploy.bundle.folder import Bundle
from diad_export.build import build
from diad_export.checkpoint.read import read_checkpoint
from diad_export.checkpoint.weights import load_model, save_checkpoint
from diad_export.cli.commands import command
from diad_export.model.diad import DiadModel
from diad_export.model.sizes import AutoencoderSizes, FeatureSizes, ModelSizes, UnetSizes
from diad_export.options import BuildOptions, Recommended
from tests.golden_case import golden_state_dict
from tests.made_once import made_once
from tests.traces import kept_traces, traces_folder

SMALL = ModelSizes(
    unet=UnetSizes(channels=(32, 64), context_width=32, attention_levels=(True, False)),
    autoencoder=AutoencoderSizes(channels=(32, 32, 32, 32), res_blocks=1),
    features=FeatureSizes(name="resnet10t"),
)
"""Every part of a DiAD model, as small as it can be."""


@pytest.fixture(scope="session")
def small_model() -> DiadModel:
    """A random model of the `SMALL` sizes whose zero convolutions are not zero."""
    torch.manual_seed(0)
    model = DiadModel(SMALL, context_tokens=4)
    model.context.normal_()
    for parameter in model.semantic_guided.parameters():
        if parameter.ndim == 4 and not parameter.any():
            torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def small_checkpoint(small_model: DiadModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model as a file in half precision, with its own settings."""
    recommended = Recommended(
        extractor="resnet10t",
        image_size_px=32,
        steps=2,
        sigma_px=1.0,
        pool_size_px=3,
        pool_count=2,
        heatmap_low=0.1,
        heatmap_high=0.9,
    )
    return made_once(
        tmp_path_factory,
        "small.safetensors",
        lambda path: save_checkpoint(small_model, path, recommended),
    )


@pytest.fixture(scope="session")
def traces(pytestconfig: pytest.Config) -> Path:
    """Traces shared by all builds, and by later runs of unchanged code."""
    return traces_folder(pytestconfig.cache.mkdir("traces"))


@pytest.fixture(scope="session")
def small_bundle(
    small_checkpoint: Path, traces: Path, tmp_path_factory: pytest.TempPathFactory
) -> Bundle:
    """The small checkpoint, built."""

    def make(path: Path) -> None:
        with kept_traces(traces):
            build(small_checkpoint, path, BuildOptions())

    return Bundle.open(made_once(tmp_path_factory, "small-bundle", make))


@pytest.fixture(scope="session")
def calibration_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two images."""
    folder = tmp_path_factory.mktemp("calibration") / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for place in range(2):
        image = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(image).save(folder / f"{place}.png")
    return folder


@pytest.fixture(scope="session")
def small_float16_bundle(
    small_checkpoint: Path,
    calibration_photos: Path,
    traces: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Bundle:
    """The small checkpoint, built in float16 by the command."""

    def make(path: Path) -> None:
        words = ["build", str(small_checkpoint), "-o", str(path), "--precision", "fp16"]
        words += ["--calibration", str(calibration_photos)]
        with kept_traces(traces):
            CliRunner().invoke(command, words, catch_exceptions=False)

    return Bundle.open(made_once(tmp_path_factory, "small-half-bundle", make))


@pytest.fixture(scope="session")
def golden_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training checkpoint at the tiny size: `state_dict` and other training state."""
    state = golden_state_dict("tiny")
    training = {
        "epoch": 3,
        "global_step": 1000,
        "state_dict": state,
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": []}],
        "hyper_parameters": {"learning_rate": 1e-5},
        "callbacks": {},
    }
    return made_once(tmp_path_factory, "tiny.ckpt", lambda path: torch.save(training, path))


@pytest.fixture(scope="session")
def golden_model(golden_checkpoint: Path) -> DiadModel:
    """The tiny golden checkpoint, read."""
    return load_model(read_checkpoint(golden_checkpoint))
