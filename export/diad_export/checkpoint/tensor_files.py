"""Reads tensors from safetensors and PyTorch files, safely.

Tensors are memory-mapped, so unused ones, such as optimizer states, are not read. No code that a
pickle names is executed.
"""

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from diad_deploy.errors import CheckpointError
from diad_export.checkpoint import inert_pickle

NESTED = ("state_dict", "model_state_dict", "model", "module", "net", "network", "params")
"""Keys under which training code saves the weights; `module` is DeepSpeed's."""
_ARCHIVES = {
    "constants.pkl": "a TorchScript program",
    "serialized_exported_program.json": "a program of torch.export",
    "archive_format": "a program of torch.export",
}
"""Files in PyTorch's archives of other content than weights."""
_MAX_DEPTH = 8
MAX_KEYS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFile:
    """Tensors by key, and the metadata of a safetensors file."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str] = field(default_factory=dict)


def read_tensors(path: Path) -> TensorFile:
    """Read a tensor file.

    Raises:
        CheckpointError: it is missing, truncated, of an unknown format, or without tensors.
    """
    if not path.is_file():
        other = "a pipe, socket or device" if path.exists() else "nothing"
        found = "a folder" if path.is_dir() else other
        raise CheckpointError(f"{path}: expected a checkpoint file, found {found} at this path")
    try:
        read = _read_safetensors(path) if _is_safetensors(path) else _read_torch(path)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not read.tensors:
        raise CheckpointError(f"{path}: holds no tensors; expected a trained model's weights")
    return read


def is_dense(tensor: Tensor) -> bool:
    """Whether a tensor is strided and has values."""
    return tensor.layout == torch.strided and not tensor.is_meta


def _is_safetensors(path: Path) -> bool:
    """Whether the file begins like a safetensors file: a length, then a JSON object."""
    with path.open("rb") as file:
        head = file.read(9)
    return len(head) == 9 and head[8:9] == b"{"


def _read_safetensors(path: Path) -> TensorFile:
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
            return TensorFile(tensors=tensors, metadata=file.metadata() or {})
    except SafetensorError as error:
        raise CheckpointError(
            f"{path}: not a complete safetensors file: {error}; copy it again"
        ) from None


def _read_torch(path: Path) -> TensorFile:
    if not zipfile.is_zipfile(path):
        raise CheckpointError(
            f"{path}: neither a safetensors file nor a complete PyTorch checkpoint; copy it again, "
            f"or save it again with PyTorch 1.6 or later"
        )
    try:
        _check_archive(path)
        content = _load(path)
    except (
        *(pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError),
        *(TypeError, AttributeError, ImportError, zipfile.BadZipFile),
    ) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise CheckpointError(f"{path}: incomplete checkpoint: {reason}; copy it again") from None
    tensors = _named_tensors(content)
    if not tensors:
        raise CheckpointError(f"{path}: holds no named tensors: {_describe(content)}")
    return TensorFile(tensors=tensors)


def _check_archive(path: Path) -> None:
    """Raise `CheckpointError` if an archive was not written by `torch.save`."""
    with zipfile.ZipFile(path) as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist()}
    kind = next((kind for name, kind in _ARCHIVES.items() if name in names), None)
    if kind is not None or "data.pkl" not in names:
        raise CheckpointError(
            f"{path}: expected a PyTorch checkpoint, found {kind or 'another archive'}; "
            f"save the weights with torch.save(model.state_dict(), FILE)"
        )


def _load(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError:
        # the file holds other objects, which are replaced and never run
        return torch.load(
            path, map_location="cpu", weights_only=False, mmap=True, pickle_module=inert_pickle
        )


def _named_tensors(content: object, depth: int = 0) -> dict[str, Tensor]:
    if not isinstance(content, Mapping) or depth > _MAX_DEPTH:
        return {}
    for name in NESTED:
        if found := _named_tensors(content.get(name), depth + 1):
            return found
    return {
        key: value
        for key, value in content.items()
        if isinstance(key, str) and isinstance(value, Tensor)
    }


def _describe(content: object) -> str:
    """What a file holds instead of weights, and how to save weights."""
    held = content
    if isinstance(content, Mapping):
        held = next((content[name] for name in NESTED if content.get(name) is not None), None)
    if isinstance(held, inert_pickle.Inert):
        return (
            f"a whole object ({held.qualified_name}) from torch.save(model), which needs the code "
            f"of the training; save its weights with torch.save(model.state_dict(), FILE)"
        )
    keys = list(map(str, content))[:MAX_KEYS] if isinstance(content, Mapping) else []
    found = f"found {', '.join(keys)}" if keys else f"found {type(content).__name__}"
    return f"{found}; expected a trained model's weights"
