"""Stable Diffusion's UNet, and the arguments that it shares with the SG network."""

from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from diad_export.model.sizes import HEADS, NORM_GROUPS, UnetSizes


def diffusers_arguments(sizes: UnetSizes, latent_channels: int) -> dict[str, Any]:
    """The arguments that `UNet2DConditionModel` and `ControlNetModel` share."""
    return {
        "in_channels": latent_channels,
        "block_out_channels": sizes.channels,
        "layers_per_block": sizes.res_blocks,
        "down_block_types": tuple(
            "CrossAttnDownBlock2D" if attention else "DownBlock2D"
            for attention in sizes.attention_levels
        ),
        "cross_attention_dim": sizes.context_width,
        # the number of heads, in spite of its name: diffusers keeps it for its first checkpoints
        "attention_head_dim": HEADS,
        "norm_num_groups": NORM_GROUPS,
        "flip_sin_to_cos": True,
        "freq_shift": 0,
        "use_linear_projection": False,
    }


def make_unet(sizes: UnetSizes, latent_channels: int) -> UNet2DConditionModel:
    """A UNet of these sizes with random weights."""
    return UNet2DConditionModel(
        out_channels=latent_channels,
        up_block_types=tuple(
            "CrossAttnUpBlock2D" if attention else "UpBlock2D"
            for attention in reversed(sizes.attention_levels)
        ),
        **diffusers_arguments(sizes, latent_channels),
    )


def predict_noise(
    unet: UNet2DConditionModel,
    latents: Tensor,
    timestep: Tensor,
    context: Tensor,
    control: list[Tensor],
    *,
    only_mid_control: bool,
) -> Tensor:
    """The noise `[B, 4, h, w]` that the UNet predicts, guided by the SG network.

    Args:
        latents: `[B, 4, h, w]`.
        timestep: `[B]`.
        context: `[B, T, W]`.
        control: outputs 0 to 12 of the SG network; the last is of its middle block.
        only_mid_control: add control after the middle block and to the skips of the first three
            decoder blocks, as the published test does, instead of to all skips.

    Source: `ControlledUnetModel.forward` of the published code.
    """
    skips = control[:-1]
    if only_mid_control:
        last_level = len(skips) - 3
        skips = [
            output if index >= last_level else torch.zeros_like(output)
            for index, output in enumerate(skips)
        ]
    noise: Tensor = unet(
        latents,
        timestep,
        encoder_hidden_states=context,
        down_block_additional_residuals=skips,
        mid_block_additional_residual=control[-1],
        return_dict=False,
    )[0]
    return noise
