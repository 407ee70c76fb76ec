"""Compares a checkpoint with a `DiadModel`, loads it into one, and saves one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file

from diad_deploy.errors import CheckpointError
from diad_export.checkpoint.empty_prompt import compare_text, empty_prompt_context, has_text_model
from diad_export.checkpoint.published_keys import CONTEXT, FEATURES, published_names
from diad_export.checkpoint.read import SETTINGS_KEY, Checkpoint
from diad_export.checkpoint.sizes import read_context_tokens, read_sizes
from diad_export.model.diad import CONTEXT_TOKENS, DiadModel
from diad_export.options import Recommended

MAX_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Published keys of a model that a file lacks, or has in another shape."""

    missing: tuple[str, ...]
    misshapen: tuple[str, ...]


def load_model(checkpoint: Checkpoint) -> DiadModel:
    """A float32 `DiadModel` with the checkpoint's weights, in evaluation mode.

    Raises:
        CheckpointError: tensors are missing or misshapen; the first are named, all are counted.
    """
    model = make_empty_model(checkpoint)
    check_fit(model, checkpoint)
    tensors = dict(checkpoint.tensors)
    if CONTEXT not in tensors:
        tensors[CONTEXT] = empty_prompt_context(tensors)
    empty = model.state_dict()
    state = {
        ours: tensors[published].reshape(empty[ours].shape).to(empty[ours].dtype)
        for ours, published in model_keys(model).items()
    }
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False)


def make_empty_model(checkpoint: Checkpoint) -> DiadModel:
    """The model with the sizes of the checkpoint, on PyTorch's meta device.

    Raises:
        CheckpointError: the sizes cannot be read, or the extractor is unknown.
    """
    shapes = checkpoint.shapes()
    extractor = checkpoint.recommended.extractor
    if extractor is not None and not timm.is_model(extractor):
        raise CheckpointError(
            f"no timm network {extractor!r}; name one of timm.list_models() with --extractor"
        )
    sizes = read_sizes(shapes, extractor=extractor, features=checkpoint.parts.get(FEATURES))
    with torch.device("meta"):
        return DiadModel(sizes, context_tokens=read_context_tokens(shapes) or CONTEXT_TOKENS)


def model_keys(model: DiadModel) -> dict[str, str]:
    """Name in the model -> published key, for every tensor of the model in order."""
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


def compare_shapes(model: DiadModel, shapes: Mapping[str, tuple[int, ...]]) -> Fit:
    """The keys of `model` that are missing from `shapes`, or have another shape there.

    If the context is missing, a complete text model can replace it.
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
    if CONTEXT not in shapes and has_text_model(shapes):
        lacking, odd = compare_text(shapes)
        missing += lacking
        misshapen += odd
    return Fit(missing=tuple(missing), misshapen=tuple(misshapen))


def check_fit(model: DiadModel, checkpoint: Checkpoint, *, without: str | None = None) -> None:
    """Raise `CheckpointError` if keys of `model` are missing from `checkpoint`, or misshapen.

    Args:
        model, checkpoint: compared by `compare_shapes`.
        without: prefix of keys that may be missing.
    """
    fit = compare_shapes(model, checkpoint.shapes())
    missing = tuple(key for key in fit.missing if not (without and key.startswith(without)))
    if missing or fit.misshapen:
        found = part_at_fault(checkpoint, (*missing, *fit.misshapen))
        where = "the checkpoint" if found is None else checkpoint.parts[found]
        raise CheckpointError(
            f"{where} does not fit the model: {summarize_items('missing', missing)}; "
            f"{summarize_items('misshapen', fit.misshapen)}; see all with 'diad-export inspect'"
        )


def part_at_fault(checkpoint: Checkpoint, keys: tuple[str, ...]) -> str | None:
    """The prefix of the part that was read from its own file and has all of `keys`, if any."""
    return next((p for p in checkpoint.parts if all(key.startswith(p) for key in keys)), None)


def save_checkpoint(
    model: DiadModel, path: Path, recommended: Recommended, *, dtype: torch.dtype = torch.float16
) -> None:
    """Write `model` as safetensors under the published keys, with floating point as `dtype`."""
    settings = {
        name: value
        for name in Recommended.__slots__
        if (value := getattr(recommended, name)) is not None
    }
    state = model.state_dict()
    tensors = {
        published: state[ours].to(dtype if state[ours].is_floating_point() else None).contiguous()
        for ours, published in model_keys(model).items()
    }
    save_file(tensors, path, metadata={SETTINGS_KEY: json.dumps(settings)})


def summarize_items(word: str, items: tuple[str, ...]) -> str:
    """The number of items and the first of them, such as `2 missing (a, b)`."""
    more = f" and {len(items) - MAX_NAMED} more" if len(items) > MAX_NAMED else ""
    listed = f" ({', '.join(items[:MAX_NAMED])}{more})" if items else ""
    return f"{len(items)} {word}{listed}"
