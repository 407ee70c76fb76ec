"""A folder of components as diffusers saves it, read as a checkpoint under the published keys.

    folder/
      unet/                            UNet2DConditionModel
      controlnet/ or semantic_guided/  ControlNetModel; SFF's convolutions in it or in fusion/
      vae/ or autoencoder/             AutoencoderKL
      text_encoder/                    CLIPTextModel, or context.npy in its place
      features/                        the timm extractor

Configuration files are not needed: sizes are read off shapes, as everywhere. What is not there is
missing under its published key, so that the doctor names it as in any other checkpoint.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from diad_deploy.errors import CheckpointError
from diad_export.checkpoint.diffusers_sizes import autoencoder_sizes, unet_sizes
from diad_export.checkpoint.empty_prompt import TEXT_MODEL
from diad_export.checkpoint.published_keys import CONTROL, FEATURES, published_names
from diad_export.checkpoint.weight_files import read_weights
from diad_export.model.sizes import PUBLISHED

UNET_NAMES = "unet."
CONTROL_NAMES = "semantic_guided.control."
FUSION_NAMES = "semantic_guided.fusion."
AUTOENCODER_NAMES = "autoencoder."
CONTEXT_FILE = "context.npy"

FOLDERS = {
    "unet": UNET_NAMES,
    "controlnet": CONTROL_NAMES,
    "semantic_guided": CONTROL_NAMES,
    "fusion": FUSION_NAMES,
    "vae": AUTOENCODER_NAMES,
    "autoencoder": AUTOENCODER_NAMES,
    "text_encoder": TEXT_MODEL,
    "features": FEATURES,
}
"""Subfolder -> what stands before its tensors' names in a `DiadModel`, or in a checkpoint."""

OLD_ATTENTION = {
    "query": "to_q",
    "key": "to_k",
    "value": "to_v",
    "proj_attn": "to_out.0",
}
"""What diffusers called the autoencoder's projections before its release 0.18."""
_PUBLISHED_FUSION = re.compile(r"down\d\d\.0\.weight")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentFolder:
    """The tensors of a folder by published key, and the files they came from."""

    tensors: Mapping[str, Tensor]
    files: tuple[Path, ...]
    context: Path | None


def is_component_folder(path: Path) -> bool:
    """Whether `path` is a folder with at least one component in it."""
    return any((path / name).is_dir() for name in FOLDERS)


def read_component_folder(folder: Path) -> ComponentFolder:
    """Read all components that are there.

    Raises:
        CheckpointError: there is none, or a file in one cannot be read.
    """
    named: dict[str, Tensor] = {}
    files: list[Path] = []
    for name, prefix in FOLDERS.items():
        if (folder / name).is_dir():
            read, paths = read_weights(folder / name)
            named |= {_own_name(prefix, key): tensor for key, tensor in read.tensors.items()}
            files += paths
    if not files:
        found = sorted(entry.name for entry in folder.iterdir())[:5] if folder.is_dir() else []
        raise CheckpointError(
            f"{folder}: expected a checkpoint file, or a folder with components "
            f"({', '.join(FOLDERS)}), found {', '.join(found) or 'nothing'}"
        )
    context = folder / CONTEXT_FILE
    return ComponentFolder(
        tensors=under_published_keys(named),
        files=tuple(files),
        context=context if context.is_file() else None,
    )


def under_published_keys(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors, by published key where `DiadModel` has a tensor of that name."""
    shapes = {name: tuple(tensor.shape) for name, tensor in named.items()}
    known = published_names(
        unet_sizes(shapes, UNET_NAMES) or unet_sizes(shapes, CONTROL_NAMES) or PUBLISHED.unet,
        autoencoder_sizes(shapes, AUTOENCODER_NAMES) or PUBLISHED.autoencoder,
    )
    return {known.get(name, name): tensor for name, tensor in named.items()}


def is_diffusers_autoencoder(names: Mapping[str, object]) -> bool:
    """Whether a file's names are those of diffusers' autoencoder."""
    return any(name.startswith("encoder.down_blocks.") for name in names)


def published_autoencoder(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of diffusers' autoencoder by published key."""
    return under_published_keys(
        {_own_name(AUTOENCODER_NAMES, name): tensor for name, tensor in tensors.items()}
    )


def _own_name(prefix: str, name: str) -> str:
    """A tensor's name in a `DiadModel` (or in a checkpoint, for text model and extractor)."""
    if prefix == TEXT_MODEL:
        return TEXT_MODEL + name.removeprefix("text_model.")
    if prefix in (CONTROL_NAMES, FUSION_NAMES):
        if _PUBLISHED_FUSION.fullmatch(name):
            return CONTROL + name
        if name.startswith("fusion."):
            return FUSION_NAMES + name.removeprefix("fusion.")
    if prefix == AUTOENCODER_NAMES and ".attentions." in name:
        head, part, ending = name.rsplit(".", 2)
        if part in OLD_ATTENTION:
            return f"{prefix}{head}.{OLD_ATTENTION[part]}.{ending}"
    return prefix + name
