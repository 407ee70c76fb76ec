"""The denoiser without the work that cannot change its result.

It leaves out: guidance (both sides have the same prompt and hint), the text model and the key and
value projections of every cross-attention (the prompt is always empty, `constant_context.py`), the
hint block (it depends on the image alone and runs once, in the encoder), SG outputs that reach
nothing, and what depends on the timestep alone (`timestep_table.py`).
"""

import copy
from typing import TypeVar

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from diad_export.model.constant_context import fix_context
from diad_export.model.diad import DiadModel
from diad_export.model.semantic_guided import SemanticGuidedNetwork
from diad_export.model.sizes import SFF_LEVEL_OUTPUTS
from diad_export.model.timestep_table import tabulate_timesteps

Module = TypeVar("Module", bound=nn.Module)


class DdimUpdate(nn.Module):
    """The update of a DDIM step: the next latents from the latents and the predicted noise."""

    def forward(
        self, latents: Tensor, noise: Tensor, latents_scale: Tensor, noise_scale: Tensor
    ) -> Tensor:
        """The next latents; latents and noise are `[B, 4, h, w]`, the scales `[1]`."""
        return latents_scale * latents + noise_scale * noise


class DenoiserGraph(nn.Module):
    """One DDIM step: SG network, UNet and update.

    It shares its weights with `model`, which is not changed.
    """

    def __init__(self, model: DiadModel, *, only_mid_control: bool) -> None:
        super().__init__()
        self.unet = copy_with_shared_weights(model.unet)
        self.semantic_guided = copy_with_shared_weights(model.semantic_guided)
        self.update = DdimUpdate()
        outputs = len(self.semantic_guided.control.controlnet_down_blocks)
        self.first_output = outputs - 2 * SFF_LEVEL_OUTPUTS if only_mid_control else 0
        self.first_skip = outputs - SFF_LEVEL_OUTPUTS if only_mid_control else 0
        self._remove_unused_parts(model.context)

    @torch.no_grad()
    def _remove_unused_parts(self, context: Tensor) -> None:
        control = self.semantic_guided.control
        del control.controlnet_cond_embedding
        control.controlnet_down_blocks = control.controlnet_down_blocks[self.first_output :]
        for network in (self.unet, control):
            fix_context(network, context)
            tabulate_timesteps(network)

    def forward(
        self,
        latents: Tensor,
        hint: Tensor,
        timestep: Tensor,
        latents_scale: Tensor,
        noise_scale: Tensor,
    ) -> Tensor:
        """The next latents `[B, 4, h, w]`.

        Args:
            latents: `[B, 4, h, w]`.
            hint: `[B, C, h, w]`.
            timestep, latents_scale, noise_scale: `[1]`, the same for the whole batch.
        """
        noise = self.predict_noise(latents, hint, timestep)
        updated: Tensor = self.update(latents, noise, latents_scale, noise_scale)
        return updated

    def predict_noise(self, latents: Tensor, hint: Tensor, timestep: Tensor) -> Tensor:
        """The predicted noise `[B, 4, h, w]`."""
        control = self._control(latents, hint, timestep)
        unet = self.unet
        embedding = unet.time_embedding(unet.time_proj(timestep))
        hidden, skips = run_encoder(unet, unet.conv_in(latents), embedding)
        hidden = hidden + control[-1]
        for index, output in enumerate(control[:-1], start=self.first_skip):
            skips[index] = skips[index] + output
        for block in unet.up_blocks:
            count = len(block.resnets)
            skips, taken = skips[:-count], tuple(skips[-count:])
            hidden = block(hidden, temb=embedding, res_hidden_states_tuple=taken)
        predicted: Tensor = unet.conv_out(unet.conv_act(unet.conv_norm_out(hidden)))
        return predicted

    def _control(self, latents: Tensor, hint: Tensor, timestep: Tensor) -> list[Tensor]:
        """The SG outputs that reach the UNet; the last one is the middle block's."""
        network: SemanticGuidedNetwork = self.semantic_guided
        control = network.control
        embedding = control.time_embedding(control.time_proj(timestep))
        hidden, skips = run_encoder(control, control.conv_in(latents) + hint, embedding)
        raw = [
            convolution(skip)
            for skip, convolution in zip(
                skips[self.first_output :], control.controlnet_down_blocks, strict=True
            )
        ]
        before, last = raw[-2 * SFF_LEVEL_OUTPUTS : -SFF_LEVEL_OUTPUTS], raw[-SFF_LEVEL_OUTPUTS:]
        passed = raw[:-SFF_LEVEL_OUTPUTS] if self.first_skip == 0 else []
        return [*passed, *network.fusion(before, last), control.controlnet_mid_block(hidden)]


def run_encoder(
    network: UNet2DConditionModel, hidden: Tensor, embedding: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """Output of the middle block of a UNet or ControlNet, and the skips of its encoder."""
    skips = [hidden]
    for block in network.down_blocks:
        hidden, outputs = block(hidden, temb=embedding)
        skips += outputs
    return network.mid_block(hidden, temb=embedding), skips


def copy_with_shared_weights(module: Module) -> Module:
    """A copy of the module whose parameters and buffers are the same tensors."""
    tensors = [*module.parameters(), *module.buffers()]
    return copy.deepcopy(module, memo={id(tensor): tensor for tensor in tensors})
