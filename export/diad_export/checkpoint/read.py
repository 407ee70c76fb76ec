"""Reads a trained checkpoint: tensors under the published keys, from one file or several.

`tensor_files.py` knows the formats of files, `weights.py` what a model needs.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from diad_deploy.bundle.manifest import CheckpointOrigin
from diad_deploy.errors import CheckpointError
from diad_deploy.files.npy import read_npy
from diad_export.checkpoint.diffusers_folder import (
    is_component_folder,
    is_diffusers_autoencoder,
    published_autoencoder,
    read_component_folder,
)
from diad_export.checkpoint.key_prefixes import SortedKeys, sort_keys, without_common_wrapper
from diad_export.checkpoint.other_models import identify_model, reject_other_models
from diad_export.checkpoint.published_keys import AUTOENCODER, CONTEXT, FEATURES
from diad_export.checkpoint.sizes import read_autoencoder_sizes
from diad_export.checkpoint.tensor_files import TensorFile, is_dense, read_tensors
from diad_export.checkpoint.weight_files import has_weights, read_weights, reject_shard
from diad_export.options import Recommended

MAX_CONTEXT_BYTES = 256 * 1024 * 1024
PART_OPTIONS = {AUTOENCODER: "--autoencoder", FEATURES: "--features", CONTEXT: "--context"}
"""Prefix of the keys of a part -> the option that reads the part from a file of its own."""
SETTINGS_KEY = "diad_deploy.settings"
"""Entry in the metadata of a safetensors file: `Recommended` as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The files that the parts of a model are read from.

    Attributes:
        checkpoint: a file, a folder of shards or a folder of components with all parts that the
            others do not give.
        autoencoder: a file or folder with the autoencoder, which replaces the checkpoint's.
        features: a file with the weights of the feature extractor, which replaces the checkpoint's.
        context: a `.npy` file with the context `[1, T, W]` of the empty prompt, which replaces the
            checkpoint's text model.
        extractor: timm's name of the feature extractor; None finds it by the shapes.
    """

    checkpoint: Path
    autoencoder: Path | None = None
    features: Path | None = None
    context: Path | None = None
    extractor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checkpoint that was read.

    Attributes:
        origin: name, hash and size of the file or folder.
        tensors: by published key.
        averaged: keys of averaged weights in the file, which are not used.
        recommended: build settings stored in the file.
        parts: prefix of the keys of a part -> the file of its own that it was read from.
    """

    origin: CheckpointOrigin
    tensors: Mapping[str, Tensor]
    averaged: tuple[str, ...] = ()
    recommended: Recommended = field(default_factory=Recommended)
    parts: Mapping[str, Path] = field(default_factory=dict)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor."""
        return {key: tuple(tensor.shape) for key, tensor in self.tensors.items()}


def read_checkpoint(source: Path | Sources) -> Checkpoint:
    """Read a checkpoint, from one file or from several.

    Raises:
        CheckpointError: a file is missing, truncated, of an unknown format, without tensors, of
            another model, or holds two models.
    """
    sources = source if isinstance(source, Sources) else Sources(checkpoint=source)
    read, files = _read(sources.checkpoint)
    keys = sort_keys(read.tensors)
    _check_duplicates(sources.checkpoint, read, keys)
    # averaged weights are used if the file has no others
    chosen = {**keys.averaged, **keys.plain}
    tensors = {published: read.tensors[key] for published, key in chosen.items()}
    reject_other_models(sources.checkpoint, tensors)
    given = {
        AUTOENCODER: sources.autoencoder,
        FEATURES: sources.features,
        CONTEXT: sources.context,
    }
    parts = {prefix: path for prefix, path in given.items() if path is not None}
    for prefix, path in parts.items():
        if prefix == CONTEXT:
            tensors[CONTEXT] = _read_context(path)
        else:
            _replace(tensors, prefix, path)
    recommended = _recommended(sources.checkpoint, read.metadata.get(SETTINGS_KEY, "{}"))
    if sources.extractor is not None:
        recommended = replace(recommended, extractor=sources.extractor)
    return Checkpoint(
        origin=_origin(sources.checkpoint, files),
        tensors=tensors,
        averaged=tuple(keys.averaged[name] for name in keys.averaged if name in keys.plain),
        recommended=recommended,
        parts=parts,
    )


def _read(path: Path) -> tuple[TensorFile, tuple[Path, ...]]:
    """The tensors of a file, folder of components or folder of shards, and the files read."""
    if not path.is_dir():
        reject_shard(path)
        return read_tensors(path), (path,)
    if has_weights(path) and not is_component_folder(path):
        return read_weights(path)
    folder = read_component_folder(path)
    if folder.context is None:
        return TensorFile(tensors=folder.tensors), folder.files
    tensors = {**folder.tensors, CONTEXT: _read_context(folder.context)}
    return TensorFile(tensors=tensors), (*folder.files, folder.context)


def _check_duplicates(path: Path, read: TensorFile, keys: SortedKeys) -> None:
    """Raise `CheckpointError` if keys of the same published name hold different weights."""
    for published, others in keys.duplicates.items():
        first = keys.plain[published]
        other = next((k for k in others if _differ(read.tensors[first], read.tensors[k])), None)
        if other is not None:
            raise CheckpointError(
                f"{path}: holds two models with different weights: {first!r} and {other!r} both "
                f"are {published!r}; save only one of them"
            )


def _differ(one: Tensor, other: Tensor) -> bool:
    """Whether two dense tensors differ; other tensors are rejected where they are used."""
    return is_dense(one) and is_dense(other) and not torch.equal(one, other)


def _replace(tensors: dict[str, Tensor], prefix: str, path: Path) -> None:
    """Replace a part of `tensors` by the one in the file `path`, with or without its prefix."""
    if not path.is_dir():
        reject_shard(path)
    read = (read_weights(path)[0] if path.is_dir() else read_tensors(path)).tensors
    if prefix == AUTOENCODER and is_diffusers_autoencoder(read):
        read = published_autoencoder(read)
    keys = sort_keys(read).plain
    own = {name: key for name, key in keys.items() if name.startswith(prefix)} or {
        prefix + name: key for name, key in without_common_wrapper(read).items()
    }
    if prefix == AUTOENCODER:
        _check_autoencoder(path, {name: tuple(read[key].shape) for name, key in own.items()})
    for key in [key for key in tensors if key.startswith(prefix)]:
        del tensors[key]
    tensors.update({name: read[key] for name, key in own.items()})


def _check_autoencoder(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    try:
        read_autoencoder_sizes(shapes)
    except CheckpointError:
        names = [key.removeprefix(AUTOENCODER) for key in shapes]
        kind, _ = identify_model(names)
        found = "an incomplete one" if "autoencoder" in kind else kind
        raise CheckpointError(
            f"{path}: expected an autoencoder, found {found} ({len(names)} tensors, such as "
            f"{names[0]}); give another file with --autoencoder"
        ) from None


def _read_context(path: Path) -> Tensor:
    try:
        values = read_npy(path, most_bytes=MAX_CONTEXT_BYTES)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CheckpointError(f"{path}: cannot be read as a NumPy array: {reason}") from None
    if values.ndim != 3 or values.shape[0] != 1:
        raise CheckpointError(
            f"{path}: expected the empty prompt's context as floating point [1, T, W], found "
            f"{values.dtype} {list(values.shape)}"
        )
    with np.errstate(over="ignore"):
        context = values.astype("float32")
    if not np.isfinite(context).all():
        raise CheckpointError(
            f"{path}: the context holds NaN or infinity; give another file with --context"
        )
    return torch.from_numpy(context)


def _recommended(path: Path, text: str) -> Recommended:
    try:
        return TypeAdapter(Recommended).validate_json(text)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise CheckpointError(
            f"{path}: settings in the file's metadata are not valid: {fault['loc']}: {fault['msg']}"
        ) from None


def _origin(path: Path, files: tuple[Path, ...]) -> CheckpointOrigin:
    """Name, hash and size; the hash of a folder is that of the names and hashes of its files."""
    digests = {str(file.relative_to(path)): _digest(file) for file in files if file != path}
    lines = "\n".join(f"{digest}  {name}" for name, digest in sorted(digests.items()))
    return CheckpointOrigin(
        name=path.resolve().name,
        sha256=hashlib.sha256(lines.encode()).hexdigest() if digests else _digest(path),
        size_bytes=sum(file.stat().st_size for file in files),
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
