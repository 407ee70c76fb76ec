"""Timestep tables compute the same as the projections."""

import copy

import pytest
import torch
from diffusers import UNet2DConditionModel

from diad_export.model.diad import DiadModel
from diad_export.model.sizes import UnetSizes
from diad_export.model.timestep_table import TimestepTable, tabulate_timesteps
from diad_export.model.unet import make_unet
from tests.golden_case import relative_error

WIDE = UnetSizes(channels=(256, 32), context_width=32, attention_levels=(False, True))
"""Its embedding is 1024 wide, and so are the projections' rows: more than there are timesteps."""


@pytest.fixture(scope="module")
def wide() -> UNet2DConditionModel:
    torch.manual_seed(5)
    return make_unet(WIDE, 4).eval().requires_grad_(False)


@pytest.mark.parametrize("timestep", [0, 1, 501, 999])
def test_same_prediction(wide: UNet2DConditionModel, timestep: int) -> None:
    generator = torch.Generator().manual_seed(6)
    latents = torch.randn(2, 4, 4, 4, generator=generator)
    context = torch.randn(2, 3, 32, generator=generator)
    times = torch.tensor([float(timestep)])
    expected = wide(latents, times, encoder_hidden_states=context).sample
    tabulated = copy.deepcopy(wide)
    assert tabulate_timesteps(tabulated)
    found = tabulated(latents, times, encoder_hidden_states=context).sample
    assert relative_error(found, expected) < 1e-5


def test_tables_replace_larger_weights(wide: UNet2DConditionModel) -> None:
    def held(network: UNet2DConditionModel) -> int:
        return sum(tensor.numel() for tensor in network.state_dict().values())

    tabulated = copy.deepcopy(wide)
    tabulate_timesteps(tabulated)
    assert not [
        name for name in tabulated.state_dict() if "time_emb" in name and "rows" not in name
    ]
    assert any(isinstance(module, TimestepTable) for module in tabulated.modules())
    assert held(tabulated) < held(wide)


def test_projections_stay_if_tables_are_larger(small_model: DiadModel) -> None:
    unet = copy.deepcopy(small_model.unet)
    assert not tabulate_timesteps(unet)
    assert not any(isinstance(module, TimestepTable) for module in unet.modules())
