"""Reads a folder of components, as diffusers saves them, as a checkpoint with published keys.

    folder/
      unet/                            UNet2DConditionModel
      controlnet/ or semantic_guided/  ControlNetModel; SFF's convolutions in it or in fusion/
      vae/ or autoencoder/             AutoencoderKL
      text_encoder/                    CLIPTextModel, or context.npy instead
      features/                        the timm extractor

Configuration files are not needed, as sizes are read from shapes. A missing component is reported
under its published keys, as for any other checkpoint.
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
"""Subfolder -> prefix of its tensors' names in a `DiadModel`, or in a checkpoint."""

OLD_ATTENTION = {
    "query": "to_q",
    "key": "to_k",
    "value": "to_v",
    "proj_attn": "to_out.0",
}
"""Names of the autoencoder's projections in diffusers before 0.18 -> names since then."""
_PUBLISHED_FUSION = re.compile(r"down\d\d\.0\.weight")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentFolder:
    """The tensors of a folder by published key, their files, and the file of the context."""

    tensors: Mapping[str, Tensor]
    files: tuple[Path, ...]
    context: Path | None


def is_component_folder(path: Path) -> bool:
    """Whether `path` is a folder with at least one component."""
    return any((path / name).is_dir() for name in FOLDERS)


def read_component_folder(folder: Path) -> ComponentFolder:
    """Read all components of a folder.

    Raises:
        CheckpointError: there is none, or a file cannot be read.
    """
    named: dict[str, Tensor] = {}
    files: list[Path] = []
    for name, prefix in FOLDERS.items():
        if (folder / name).is_dir():
            read, paths = read_weights(folder / name)
            named |= {_model_name(prefix, key): tensor for key, tensor in read.tensors.items()}
            files += paths
    if not files:
        found = sorted(entry.name for entry in folder.iterdir())[:5] if folder.is_dir() else []
        raise CheckpointError(
            f"{folder}: expected a checkpoint file, or a folder with components "
            f"({', '.join(FOLDERS)}), found {', '.join(found) or 'nothing'}"
        )
    context = folder / CONTEXT_FILE
    return ComponentFolder(
        tensors=rename_to_published(named),
        files=tuple(files),
        context=context if context.is_file() else None,
    )


def rename_to_published(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors by published key; names that `DiadModel` does not have are kept."""
    shapes = {name: tuple(tensor.shape) for name, tensor in named.items()}
    known = published_names(
        unet_sizes(shapes, UNET_NAMES) or unet_sizes(shapes, CONTROL_NAMES) or PUBLISHED.unet,
        autoencoder_sizes(shapes, AUTOENCODER_NAMES) or PUBLISHED.autoencoder,
    )
    return {known.get(name, name): tensor for name, tensor in named.items()}


def is_diffusers_autoencoder(names: Mapping[str, object]) -> bool:
    """Whether a file holds diffusers' autoencoder, by the names of its tensors."""
    return any(name.startswith("encoder.down_blocks.") for name in names)


def published_autoencoder(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of diffusers' autoencoder by published key."""
    return rename_to_published(
        {_model_name(AUTOENCODER_NAMES, name): tensor for name, tensor in tensors.items()}
    )


def _model_name(prefix: str, name: str) -> str:
    """Name of a tensor in a `DiadModel`, or in a checkpoint for the text model and extractor."""
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
