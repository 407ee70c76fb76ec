"""The sizes of a DiAD model, read off the shapes of its checkpoint's tensors."""

import re
from collections.abc import Mapping
from pathlib import Path

import timm

from diad_deploy.errors import CheckpointError
from diad_export.checkpoint.published_keys import AUTOENCODER, CONTEXT, FEATURES, UNET
from diad_export.model.sizes import (
    PUBLISHED,
    AutoencoderSizes,
    FeatureSizes,
    ModelSizes,
    UnetSizes,
)

Shapes = Mapping[str, tuple[int, ...]]

KNOWN_EXTRACTORS = (
    "resnet50",
    "resnet18",
    "resnet34",
    "resnet101",
    "wide_resnet50_2",
    "resnet10t",
    "resnet14t",
    "resnet26",
)
"""timm networks that a file's extractor is compared with, the published one first."""


def read_sizes(
    shapes: Shapes, *, extractor: str | None = None, features: Path | None = None
) -> ModelSizes:
    """The sizes that fit `shapes` (published keys -> shape).

    Args:
        extractor: name of the timm network; found by comparing shapes where it is `None`.
        features: the file that the extractor came from, where it is one of its own.

    Raises:
        CheckpointError: a part is missing altogether, or the extractor is none we know.
    """
    return ModelSizes(
        unet=read_unet_sizes(shapes),
        autoencoder=read_autoencoder_sizes(shapes),
        features=FeatureSizes(name=extractor or find_extractor(shapes, features)),
    )


def read_unet_sizes(shapes: Shapes) -> UnetSizes:
    """Width of every level, attention and context of the UNet."""
    channels = [_shape(shapes, f"{UNET}input_blocks.0.0.weight", "the UNet")[0]]
    attention: list[bool] = []
    blocks_in_level = 0
    res_blocks = 0
    for index in range(1, count_numbered(shapes, rf"{re.escape(UNET)}input_blocks\.(\d+)\.")):
        block = f"{UNET}input_blocks.{index}"
        if f"{block}.0.op.weight" in shapes:
            blocks_in_level = 0
            continue
        if blocks_in_level == 0:
            channels.append(_shape(shapes, f"{block}.0.in_layers.2.weight", "the UNet")[0])
            attention.append(f"{block}.1.norm.weight" in shapes)
        blocks_in_level += 1
        res_blocks = max(res_blocks, blocks_in_level)
    if channels[0] not in channels[1:2]:
        raise CheckpointError(
            f"the UNet begins with {channels[0]} channels and goes on with {channels[1:]}; only "
            f"models whose first level keeps the number are known (a first multiplier of 1)"
        )
    middle = f"{UNET}middle_block.1.transformer_blocks.0.attn2.to_k.weight"
    return UnetSizes(
        channels=tuple(channels[1:]),
        res_blocks=res_blocks,
        context_width=_shape(shapes, middle, "the UNet")[1],
        attention_levels=tuple(attention),
    )


def read_autoencoder_sizes(shapes: Shapes) -> AutoencoderSizes:
    """Width of every level and latent channels of the autoencoder."""
    levels = count_numbered(shapes, rf"{re.escape(AUTOENCODER)}encoder\.down\.(\d+)\.")
    channels = [
        _shape(
            shapes, f"{AUTOENCODER}encoder.down.{level}.block.0.conv1.weight", "the autoencoder"
        )[0]
        for level in range(levels)
    ]
    latents = _shape(shapes, f"{AUTOENCODER}post_quant_conv.weight", "the autoencoder")[0]
    return AutoencoderSizes(
        channels=tuple(channels),
        res_blocks=count_numbered(
            shapes, rf"{re.escape(AUTOENCODER)}encoder\.down\.0\.block\.(\d+)\."
        ),
        latent_channels=latents,
    )


def find_extractor(shapes: Shapes, file: Path | None = None) -> str:
    """The timm network whose `features_only` tensors are all in the file, with these shapes.

    Where there is no extractor at all it is the published one, whose tensors are then missing.
    """
    found = {
        key.removeprefix(FEATURES): shape
        for key, shape in shapes.items()
        if key.startswith(FEATURES)
    }
    if not found:
        return PUBLISHED.features.name
    for name in KNOWN_EXTRACTORS:
        wanted = extractor_shapes(name)
        if all(found.get(key) == shape for key, shape in wanted.items()):
            return name
    owner = "the checkpoint's" if file is None else f"{file}: the"
    raise CheckpointError(
        f"{owner} feature extractor ({len(found)} tensors under {FEATURES!r}) is none of "
        f"{', '.join(KNOWN_EXTRACTORS)}; name its timm network with --extractor"
    )


def extractor_shapes(name: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors that the timm network `name` needs, without making them."""
    import torch

    with torch.device("meta"):
        network = timm.create_model(
            name, features_only=True, out_indices=FeatureSizes(name=name).out_indices
        )
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


def read_context_tokens(shapes: Shapes) -> int | None:
    """Number of context tokens where the file carries the context itself."""
    shape = shapes.get(CONTEXT)
    return shape[1] if shape is not None and len(shape) == 3 else None


def _shape(shapes: Shapes, key: str, part: str) -> tuple[int, ...]:
    if key not in shapes:
        raise CheckpointError(
            f"the checkpoint lacks {key!r}, so {part} cannot be there whole; "
            f"expected a DiAD checkpoint with the published key names"
        )
    return shapes[key]


def count_numbered(shapes: Shapes, pattern: str) -> int:
    """One more than the largest number that `pattern` captures at the start of a key."""
    found = [int(match[1]) for key in shapes if (match := re.match(pattern, key))]
    return max(found, default=-1) + 1
