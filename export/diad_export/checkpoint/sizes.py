"""Sizes of a DiAD model, read from the shapes of a checkpoint's tensors."""

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
"""timm networks that an extractor is compared with, the published one first."""


def read_sizes(
    shapes: Shapes, *, extractor: str | None = None, features: Path | None = None
) -> ModelSizes:
    """The sizes of the model with these shapes, given by published key.

    Args:
        shapes: published key -> shape.
        extractor: timm's name of the feature extractor; None finds it by the shapes.
        features: the extractor's own file, if it has one; named in the error.

    Raises:
        CheckpointError: a part is missing, or the extractor is unknown.
    """
    return ModelSizes(
        unet=read_unet_sizes(shapes),
        autoencoder=read_autoencoder_sizes(shapes),
        features=FeatureSizes(name=extractor or find_extractor(shapes, features)),
    )


def read_unet_sizes(shapes: Shapes) -> UnetSizes:
    """Sizes of the UNet; raises `CheckpointError` if a key is missing."""
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
            f"the UNet has {channels[0]} channels before its first level and then {channels[1:]}; "
            f"expected a first level with the same number, that is, a first multiplier of 1"
        )
    middle = f"{UNET}middle_block.1.transformer_blocks.0.attn2.to_k.weight"
    return UnetSizes(
        channels=tuple(channels[1:]),
        res_blocks=res_blocks,
        context_width=_shape(shapes, middle, "the UNet")[1],
        attention_levels=tuple(attention),
    )


def read_autoencoder_sizes(shapes: Shapes) -> AutoencoderSizes:
    """Sizes of the autoencoder; raises `CheckpointError` if a key is missing."""
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
    """Timm's name of the network whose tensors are all in `shapes`; the published one for none.

    Raises:
        CheckpointError: there are tensors of an extractor, and none of the known networks fits.
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
    """Names and shapes of the tensors of the timm network `name`, without allocating them."""
    import torch

    with torch.device("meta"):
        network = timm.create_model(
            name, features_only=True, out_indices=FeatureSizes(name=name).out_indices
        )
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


def read_context_tokens(shapes: Shapes) -> int | None:
    """Number of context tokens; None if the checkpoint holds no context."""
    shape = shapes.get(CONTEXT)
    return shape[1] if shape is not None and len(shape) == 3 else None


def _shape(shapes: Shapes, key: str, part: str) -> tuple[int, ...]:
    if key not in shapes:
        raise CheckpointError(
            f"the checkpoint lacks {key!r}, so {part} is incomplete; expected a DiAD checkpoint "
            f"with the published keys"
        )
    return shapes[key]


def count_numbered(shapes: Shapes, pattern: str) -> int:
    """One more than the largest number that `pattern` captures at the start of a key."""
    found = [int(match[1]) for key in shapes if (match := re.match(pattern, key))]
    return max(found, default=-1) + 1
