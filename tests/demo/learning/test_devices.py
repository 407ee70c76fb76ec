"""All tensors of a stage are on its device.

PyTorch's meta device stands for a GPU: it computes nothing, and rejects tensors of other devices.
"""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from demo.learning import hardening, stages
from demo.learning.hardening import HardeningStage, reconstruct
from demo.learning.stages import AutoencoderStage, DiffusionStage, FeatureStage, ImageSource
from demo.learning.training import Stage
from demo.settings import load_settings
from diad_deploy.diffusion.schedule import make_schedule
from diad_export.model.diad import DiadModel
from diad_export.onnx.components import image_spec

SIZE_PX = 64


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """The meta device, which has neither a generator nor bfloat16 of its own."""
    for module in (stages, hardening):
        monkeypatch.setattr(module, "mixed_precision", lambda device: nullcontext())
        monkeypatch.setattr(module, "normal", on_device)
    return torch.device("meta")


def on_device(shape: torch.Size, generator: torch.Generator, device: torch.device) -> Tensor:
    torch.randn(shape, generator=generator)
    return torch.empty(shape, device=device)


def test_every_stage_stays_on_its_device(elsewhere: torch.device) -> None:
    settings = load_settings()
    unet = replace(settings.unet, channels=(32, 32), attention_levels=(True, False))
    model = DiadModel(replace(settings, unet=unet).model_sizes(), context_tokens=8).to(elsewhere)
    stored = np.zeros((4, SIZE_PX, SIZE_PX, 3), np.uint8)
    one = ImageSource([stored], image_spec(SIZE_PX), elsewhere)
    two = ImageSource([stored, stored], image_spec(SIZE_PX), elsewhere)
    generator = torch.Generator().manual_seed(0)
    images = one.batch(2, generator)
    assert reconstruct(model, images, make_schedule(2, "trailing"), generator).device == elsewhere
    every: tuple[Stage, ...] = (
        FeatureStage(model, two),
        AutoencoderStage(model, two),
        DiffusionStage(model, one, torch.zeros(4, 4, 8, 8)),
        HardeningStage(model, two, [(stored, stored)]),
    )
    for stage in every:
        for progress in (0.0, 0.9):
            loss = stage.loss(2, progress, generator)
            loss.backward()
            assert loss.device == elsewhere
