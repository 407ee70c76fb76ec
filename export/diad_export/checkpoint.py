"""Reads a trained checkpoint safely, and fills a `DiadModel` with it.

A checkpoint is a mapping of the published key names to tensors: a safetensors file, or a PyTorch
file (bare, or saved in training and wrapped in `state_dict`). Nothing a pickle asks for is ever
executed.
"""

import hashlib
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from diad_deploy.errors import CheckpointError
from diad_deploy.manifest import CheckpointOrigin
from diad_export.model.diad import CONTEXT_TOKENS, DiadModel
from diad_export.options import Recommended
from diad_export.published_keys import CONTEXT, FEATURES, published_names
from diad_export.shapes import read_context_tokens, read_sizes
from diad_export.text import empty_prompt_context, has_text_model

SETTINGS_KEY = "diad_deploy.settings"
"""Entry of a safetensors file's metadata: JSON of `Recommended`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checkpoint file, read: tensors by published key, and what it recommends."""

    origin: CheckpointOrigin
    tensors: Mapping[str, Tensor]
    recommended: Recommended = field(default_factory=Recommended)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor."""
        return {key: tuple(tensor.shape) for key, tensor in self.tensors.items()}


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint file.

    Raises:
        CheckpointError: absent, truncated, of no known kind, or asking for code to be run.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise CheckpointError(f"{path}: expected a checkpoint file, found {found} at this path")
    try:
        if _is_safetensors(path):
            tensors, recommended = _read_safetensors(path)
        else:
            tensors, recommended = _read_torch(path), Recommended()
        return Checkpoint(origin=_origin(path), tensors=tensors, recommended=recommended)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from None


def load_model(checkpoint: Checkpoint) -> DiadModel:
    """A `DiadModel` in float32 with the checkpoint's weights, in evaluation mode.

    Raises:
        CheckpointError: tensors missing or misshapen, all of them named.
    """
    model = make_empty_model(checkpoint)
    keys = model_keys(model)
    check_fit(model, checkpoint.shapes())
    tensors = dict(checkpoint.tensors)
    if CONTEXT not in tensors:
        tensors[CONTEXT] = empty_prompt_context(tensors)
    state = {
        ours: tensors[published].reshape(value.shape).to(value.dtype)
        for (ours, published), value in zip(keys.items(), model.state_dict().values(), strict=True)
    }
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False)


def make_empty_model(checkpoint: Checkpoint) -> DiadModel:
    """The model that fits the checkpoint's shapes, without memory for its weights."""
    shapes = checkpoint.shapes()
    sizes = read_sizes(shapes, extractor=checkpoint.recommended.extractor)
    with torch.device("meta"):
        return DiadModel(sizes, context_tokens=read_context_tokens(shapes) or CONTEXT_TOKENS)


def model_keys(model: DiadModel) -> dict[str, str]:
    """Name in the model -> published key, for every tensor of the model, in its order."""
    known = published_names(model.sizes.unet, model.sizes.autoencoder)
    keys = {}
    for name in model.state_dict():
        if name == CONTEXT:
            keys[name] = CONTEXT
        elif name.startswith("features."):
            keys[name] = FEATURES + name.removeprefix("features.")
        else:
            keys[name] = known[name]
    return keys


def save_checkpoint(
    model: DiadModel, path: Path, recommended: Recommended, *, dtype: torch.dtype = torch.float16
) -> None:
    """Write `model` as safetensors under the published key names, floating point as `dtype`."""
    settings = {
        name: value
        for name in Recommended.__slots__
        if (value := getattr(recommended, name)) is not None
    }
    tensors = {
        published: (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous()
        for (name, tensor), published in zip(
            model.state_dict().items(), model_keys(model).values(), strict=True
        )
    }
    save_file(tensors, path, metadata={SETTINGS_KEY: json.dumps(settings)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Published keys that a model needs and a file lacks, or has in another shape."""

    missing: tuple[str, ...]
    misshapen: tuple[str, ...]


def compare_shapes(model: DiadModel, shapes: Mapping[str, tuple[int, ...]]) -> Fit:
    """What of `model` is not in a file of these shapes.

    The context is not missed where the file has the text model that makes it.
    """
    state = model.state_dict()
    missing, misshapen = [], []
    for ours, published in model_keys(model).items():
        expected = state[ours].shape
        if published not in shapes:
            if published != CONTEXT or not has_text_model(shapes):
                missing.append(published)
        elif torch.Size(shapes[published]).numel() != expected.numel():
            misshapen.append(
                f"{published}: found {list(shapes[published])}, expected {list(expected)}"
            )
    return Fit(missing=tuple(missing), misshapen=tuple(misshapen))


def check_fit(model: DiadModel, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise `CheckpointError` where `compare_shapes` finds anything; all is named or counted."""
    fit = compare_shapes(model, shapes)
    if fit.missing or fit.misshapen:
        raise CheckpointError(
            f"the checkpoint does not fit the model: {_listed('missing', fit.missing)}; "
            f"{_listed('misshapen', fit.misshapen)}; see all with 'diad-export inspect'"
        )


def _listed(word: str, items: tuple[str, ...], most: int = 5) -> str:
    shown = ", ".join(items[:most])
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return f"{len(items)} {word}" + (f" ({shown}{more})" if items else "")


def _is_safetensors(path: Path) -> bool:
    """Whether the file begins as safetensors does: a length, then a JSON object."""
    with path.open("rb") as file:
        head = file.read(9)
    return len(head) == 9 and head[8:9] == b"{"


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], Recommended]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(
            f"{path}: not a whole safetensors file: {error}; copy it again"
        ) from None
    return tensors, _recommended(path, metadata.get(SETTINGS_KEY, "{}"))


def _recommended(path: Path, text: str) -> Recommended:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(Recommended).validate_json(text)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise CheckpointError(
            f"{path}: settings in the file's metadata are not valid: {fault['loc']}: {fault['msg']}"
        ) from None


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path}: the file asks for code to be run, or is not a PyTorch file; expected "
            f"tensors only (save its state_dict as safetensors)"
        ) from None
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path}: not a whole checkpoint: {str(error).splitlines()[0]}; copy it again"
        ) from None
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    tensors = (
        {key: value for key, value in content.items() if isinstance(value, Tensor)}
        if isinstance(content, dict)
        else {}
    )
    if not tensors:
        raise CheckpointError(f"{path}: holds no tensors; expected a DiAD checkpoint")
    return tensors


def _origin(path: Path) -> CheckpointOrigin:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return CheckpointOrigin(name=path.name, sha256=digest, size_bytes=path.stat().st_size)
