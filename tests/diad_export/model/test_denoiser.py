"""What the denoiser graph leaves out changes nothing, and is not in it."""

import pytest
import torch

from diad_deploy.diffusion.schedule import ddim_steps, make_schedule
from diad_export.model.denoiser import DenoiserGraph, copy_with_shared_weights
from diad_export.model.diad import DiadModel
from diad_export.onnx.components import image_spec
from tests.golden_case import TINY_A, TINY_B, relative_error

SMALL_LATENTS = (2, 4, 4, 4)


def predictions(
    model: DiadModel, *, only_mid_control: bool, shape: tuple[int, ...]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The predictions of the published code path and of the denoiser graph."""
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(shape, generator=generator)
    hint = torch.randn((shape[0], 32, *shape[2:]), generator=generator)
    times = torch.full((shape[0],), 401.0)
    control = model.control_outputs(latents, hint, times)
    published = model.predict_noise(latents, times, control, only_mid_control=only_mid_control)
    lean = DenoiserGraph(model, only_mid_control=only_mid_control).eval()
    return published, lean.predict_noise(latents, hint, times[:1])


@pytest.mark.parametrize("only_mid_control", [True, False])
def test_same_prediction_on_two_levels(small_model: DiadModel, only_mid_control: bool) -> None:
    published, lean = predictions(
        small_model, only_mid_control=only_mid_control, shape=SMALL_LATENTS
    )
    assert relative_error(lean, published) < 1e-5


@pytest.mark.parametrize("only_mid_control", [True, False])
def test_same_prediction_on_four_levels(golden_model: DiadModel, only_mid_control: bool) -> None:
    published, lean = predictions(
        golden_model, only_mid_control=only_mid_control, shape=(1, 4, 16, 16)
    )
    assert relative_error(lean, published) < 1e-5


def test_control_settings_differ(golden_model: DiadModel) -> None:
    shape = (1, 4, 16, 16)
    _, some = predictions(golden_model, only_mid_control=True, shape=shape)
    _, every = predictions(golden_model, only_mid_control=False, shape=shape)
    assert relative_error(some, every) > 1e-2


@pytest.mark.parametrize("case", [TINY_A, TINY_B], ids=lambda case: case.name)
def test_step_is_the_recorded_one(golden_model: DiadModel, case) -> None:
    recorded = case.arrays()
    lean = DenoiserGraph(golden_model, only_mid_control=case.only_mid_control).eval()
    step = ddim_steps(make_schedule(10))[9]
    image = case.images(image_spec(128))
    after = lean(
        torch.from_numpy(recorded["step9_latents"]),
        golden_model.semantic_guided.hint_features(image),
        *(
            torch.tensor([float(value)])
            for value in (step.timestep, step.latents_scale, step.noise_scale)
        ),
    )
    assert relative_error(after, recorded["latents_final"]) < 1e-5


def test_unused_parts_are_removed_and_the_model_is_unchanged(golden_model: DiadModel) -> None:
    before = sum(p.numel() for p in golden_model.unet.parameters()) + sum(
        p.numel() for p in golden_model.semantic_guided.parameters()
    )
    lean = DenoiserGraph(golden_model, only_mid_control=True)
    names = [name for name, _ in lean.named_parameters()]
    assert not [name for name in names if "attn2.to_k" in name or "attn2.to_v" in name]
    assert not [name for name in names if "cond_embedding" in name]
    assert len(lean.semantic_guided.control.controlnet_down_blocks) == 6
    assert sum(p.numel() for p in lean.parameters()) < before
    assert hasattr(golden_model.semantic_guided.control, "controlnet_cond_embedding")
    assert len(golden_model.semantic_guided.control.controlnet_down_blocks) == 12


def test_weights_are_shared_not_copied(small_model: DiadModel) -> None:
    shared = copy_with_shared_weights(small_model.unet)
    assert shared is not small_model.unet
    for ours, theirs in zip(shared.parameters(), small_model.unet.parameters(), strict=True):
        assert ours is theirs
