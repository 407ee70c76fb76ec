"""The Semantic-Guided (SG) network: a ControlNet whose deep outputs are fused across two levels.

Source: section 3.2 of the paper; `ControlNet` in the published code.
"""

import torch
from diffusers import ControlNetModel
from torch import Tensor, nn
from torch.nn.functional import instance_norm

from diad_export.model.sizes import HINT_CHANNELS, SFF_LEVEL_OUTPUTS, UnetSizes
from diad_export.model.unet import diffusers_arguments


class SpatialAwareFeatureFusion(nn.Module):
    """SFF: adds all outputs of the second-to-last level to each output of the last level.

    `out[last + j] = SiLU(out[last + j] + sum over i of down_ij(out[before + i]))`, where each
    `down` is a stride-2 convolution, an instance norm without affine, and SiLU.
    """

    def __init__(self, before: tuple[int, ...], last: tuple[int, ...]) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            nn.ModuleList(
                nn.Conv2d(source, target, 3, stride=2, padding=1, bias=False) for target in last
            )
            for source in before
        )
        self.activation = nn.SiLU()

    def forward(self, before: list[Tensor], last: list[Tensor]) -> list[Tensor]:
        """Fuse `before` (three maps `[B, C, 2h, 2w]`) into `last` (three `[B, D, h, w]`)."""
        return [
            self.activation(output + self._gather(before, target))
            for target, output in enumerate(last)
        ]

    def _gather(self, before: list[Tensor], target: int) -> Tensor:
        parts = [
            self.activation(instance_norm(self.down.get_submodule(f"{index}.{target}")(source)))
            for index, source in enumerate(before)
        ]
        return torch.stack(parts).sum(dim=0)


def level_outputs(sizes: UnetSizes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Output channels of the second-to-last and of the last level.

    A level's first output comes from the downsampling at the end of the level above.
    """
    outputs = [sizes.channels[0]]
    for level, width in enumerate(sizes.channels):
        outputs += [width] * (sizes.res_blocks + (level < len(sizes.channels) - 1))
    last = len(outputs) - SFF_LEVEL_OUTPUTS
    return tuple(outputs[last - SFF_LEVEL_OUTPUTS : last]), tuple(outputs[last:])


class SemanticGuidedNetwork(nn.Module):
    """A ControlNet with the image as its hint, followed by SFF.

    Attributes:
        control: diffusers' ControlNet. Its zero convolutions produce outputs 0 to 11, and output
            12 after the middle block.
        fusion: SFF over the last two levels.
    """

    def __init__(self, sizes: UnetSizes, latent_channels: int) -> None:
        super().__init__()
        self.control = ControlNetModel(
            conditioning_embedding_out_channels=HINT_CHANNELS,
            **diffusers_arguments(sizes, latent_channels),
        )
        self.fusion = SpatialAwareFeatureFusion(*level_outputs(sizes))

    def hint_features(self, image: Tensor) -> Tensor:
        """The hint `[B, C, S/8, S/8]` of an image `[B, 3, S, S]`."""
        features: Tensor = self.control.controlnet_cond_embedding(image)
        return features

    def forward(
        self, latents: Tensor, hint: Tensor, timestep: Tensor, context: Tensor
    ) -> list[Tensor]:
        """Outputs 0 to 12; those of the last level (9 to 11) have passed SFF.

        Args:
            latents: `[B, 4, h, w]`.
            hint: `[B, C, h, w]` from `hint_features`.
            timestep: `[B]`.
            context: `[B, T, W]`.
        """
        control = self.control
        embedding = control.time_embedding(control.time_proj(timestep).to(latents.dtype))
        hidden = control.conv_in(latents) + hint
        skips: tuple[Tensor, ...] = (hidden,)
        for block in control.down_blocks:
            if getattr(block, "has_cross_attention", False):
                hidden, outputs = block(hidden, embedding, encoder_hidden_states=context)
            else:
                hidden, outputs = block(hidden, embedding)
            skips += outputs
        hidden = control.mid_block(hidden, embedding, encoder_hidden_states=context)
        raw = [
            convolution(skip)
            for skip, convolution in zip(skips, control.controlnet_down_blocks, strict=True)
        ]
        last = len(raw) - SFF_LEVEL_OUTPUTS
        before = last - SFF_LEVEL_OUTPUTS
        fused = self.fusion(raw[before:last], raw[last:])
        return [*raw[:last], *fused, control.controlnet_mid_block(hidden)]
