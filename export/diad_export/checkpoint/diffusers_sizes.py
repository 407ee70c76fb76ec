"""Sizes of a UNet and an autoencoder, read from shapes under diffusers' names."""

import re

from diad_export.checkpoint.sizes import Shapes, count_numbered
from diad_export.model.sizes import AutoencoderSizes, UnetSizes


def unet_sizes(shapes: Shapes, prefix: str) -> UnetSizes | None:
    """Sizes of the UNet or ControlNet under `prefix`; None if it is not complete."""
    levels = count_numbered(shapes, rf"{re.escape(prefix)}down_blocks\.(\d+)\.")
    blocks = [f"{prefix}down_blocks.{level}" for level in range(levels)]
    middle = f"{prefix}mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight"
    channels = _widths(shapes, blocks)
    if not channels or middle not in shapes:
        return None
    return UnetSizes(
        channels=channels,
        res_blocks=count_numbered(shapes, rf"{re.escape(blocks[0])}\.resnets\.(\d+)\."),
        context_width=shapes[middle][-1],
        attention_levels=tuple(f"{block}.attentions.0.norm.weight" in shapes for block in blocks),
    )


def autoencoder_sizes(shapes: Shapes, prefix: str) -> AutoencoderSizes | None:
    """Sizes of the autoencoder under `prefix`; None if it is not complete."""
    levels = count_numbered(shapes, rf"{re.escape(prefix)}encoder\.down_blocks\.(\d+)\.")
    blocks = [f"{prefix}encoder.down_blocks.{level}" for level in range(levels)]
    channels, after = _widths(shapes, blocks), f"{prefix}post_quant_conv.weight"
    if not channels or after not in shapes:
        return None
    return AutoencoderSizes(
        channels=channels,
        res_blocks=count_numbered(shapes, rf"{re.escape(blocks[0])}\.resnets\.(\d+)\."),
        latent_channels=shapes[after][0],
    )


def _widths(shapes: Shapes, blocks: list[str]) -> tuple[int, ...]:
    """Channels of every block; empty if one is missing."""
    keys = [f"{block}.resnets.0.conv1.weight" for block in blocks]
    return tuple(shapes[key][0] for key in keys) if all(key in shapes for key in keys) else ()
