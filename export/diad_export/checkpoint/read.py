"""A trained checkpoint: tensors under the published key names, from one file or several.

What kinds of file there are is `tensor_files.py`'s matter, what a model needs `weights.py`'s.
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
from diad_export.checkpoint.other_models import described, refuse_other_models
from diad_export.checkpoint.published_keys import AUTOENCODER, CONTEXT, FEATURES
from diad_export.checkpoint.sizes import read_autoencoder_sizes
from diad_export.checkpoint.tensor_files import TensorFile, is_dense, read_tensors
from diad_export.checkpoint.weight_files import check_whole, has_weights, read_weights
from diad_export.options import Recommended

MAX_CONTEXT_BYTES = 256 * 1024 * 1024
PART_OPTIONS = {AUTOENCODER: "--autoencoder", FEATURES: "--features", CONTEXT: "--context"}
"""What takes the keys that begin so from a file of their own."""
SETTINGS_KEY = "diad_deploy.settings"
"""Entry of a safetensors file's metadata: JSON of `Recommended`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the parts of a model come from.

    Attributes:
        checkpoint: the file, folder of shards or folder of components that holds all, or all but
            what the others hold.
        autoencoder: a file or a component's folder with the autoencoder, which then replaces the
            checkpoint's.
        features: a file with the extractor's weights, likewise.
        context: a `.npy` file with the empty prompt's context `[1, T, W]`, likewise.
        extractor: name of the extractor's timm network, where shapes do not tell it.
    """

    checkpoint: Path
    autoencoder: Path | None = None
    features: Path | None = None
    context: Path | None = None
    extractor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checkpoint, read.

    Attributes:
        tensors: by published key, wrappers' prefixes taken off.
        averaged: keys in the file of averaged weights, which are not used.
        recommended: build settings that came with the file.
        parts: files of their own that parts came from, by what their keys begin with.
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
        CheckpointError: a file is absent, truncated, of no known kind, without tensors, of another
            model, or holds two models.
    """
    sources = source if isinstance(source, Sources) else Sources(checkpoint=source)
    read, files = _read(sources.checkpoint)
    keys = sort_keys(read.tensors)
    _check_doubles(sources.checkpoint, read, keys)
    # where a file has averaged weights alone, they are the model
    chosen = {**keys.averaged, **keys.plain}
    tensors = {published: read.tensors[key] for published, key in chosen.items()}
    refuse_other_models(sources.checkpoint, tensors)
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
    """What a file, or a folder of components or of shards, holds, and the files it is made of."""
    if not path.is_dir():
        check_whole(path)
        return read_tensors(path), (path,)
    if has_weights(path) and not is_component_folder(path):
        return read_weights(path)
    folder = read_component_folder(path)
    if folder.context is None:
        return TensorFile(tensors=folder.tensors), folder.files
    tensors = {**folder.tensors, CONTEXT: _read_context(folder.context)}
    return TensorFile(tensors=tensors), (*folder.files, folder.context)


def _check_doubles(path: Path, read: TensorFile, keys: SortedKeys) -> None:
    """One module under two names is one model; two models are a choice that nobody made."""
    for published, others in keys.doubles.items():
        first = keys.plain[published]
        other = next((k for k in others if _differ(read.tensors[first], read.tensors[k])), None)
        if other is not None:
            raise CheckpointError(
                f"{path}: holds two models, whose weights differ: both {first!r} and {other!r} are "
                f"{published!r}; save the one that is meant"
            )


def _differ(one: Tensor, other: Tensor) -> bool:
    """Of what is not dense nothing can be said; where it is needed it is refused later."""
    return is_dense(one) and is_dense(other) and not torch.equal(one, other)


def _replace(tensors: dict[str, Tensor], prefix: str, path: Path) -> None:
    """Put the part in `path`, with or without its prefix, in the place of what is there."""
    if not path.is_dir():
        check_whole(path)
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
        kind, _ = described(names)
        found = "a part of one" if "autoencoder" in kind else kind
        raise CheckpointError(
            f"{path}: expected an autoencoder, found {found} ({len(names)} tensors, such as "
            f"{names[0]}); give another file with --autoencoder"
        ) from None


def _read_context(path: Path) -> Tensor:
    try:
        values = read_npy(path, max_bytes=MAX_CONTEXT_BYTES)
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
    """Name, hash and size; a folder's hash is that of its files' names and hashes."""
    digests = {str(file.relative_to(path)): _digest(file) for file in files if file != path}
    listed = "\n".join(f"{digest}  {name}" for name, digest in sorted(digests.items()))
    return CheckpointOrigin(
        name=path.resolve().name,
        sha256=hashlib.sha256(listed.encode()).hexdigest() if digests else _digest(path),
        size_bytes=sum(file.stat().st_size for file in files),
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
