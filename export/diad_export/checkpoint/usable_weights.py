"""Checks that a checkpoint is complete and its weights usable, before anything is exported."""

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

from diad_deploy.errors import CheckpointError
from diad_export.checkpoint.empty_prompt import TEXT_MODEL
from diad_export.checkpoint.published_keys import CONTEXT, FEATURES
from diad_export.checkpoint.read import PART_OPTIONS, Checkpoint
from diad_export.checkpoint.tensor_files import is_dense
from diad_export.checkpoint.weights import (
    check_fit,
    make_empty_model,
    model_keys,
    part_at_fault,
    summarize_items,
)
from diad_export.model.diad import DiadModel

_INTEGERS = ("num_batches_tracked", "position_ids")
"""Endings of the keys that may hold integers."""
_LARGEST = torch.finfo(torch.float32).max


def check_checkpoint(checkpoint: Checkpoint) -> None:
    """Check that a checkpoint has all that a model needs, but for a missing extractor.

    Raises:
        CheckpointError: tensors are missing or misshapen, or not finite floating-point numbers;
            the first are named, all are counted.
    """
    model = make_empty_model(checkpoint)
    has_extractor = any(key.startswith(FEATURES) for key in checkpoint.tensors)
    check_fit(model, checkpoint, without=None if has_extractor else FEATURES)
    check_values(checkpoint, model)


def check_values(checkpoint: Checkpoint, model: DiadModel) -> None:
    """Raise `CheckpointError` if weights of `model` are not finite floating-point numbers."""
    tensors = checkpoint.tensors
    needed = set(model_keys(model).values())
    if CONTEXT not in tensors:
        needed |= {key for key in tensors if key.startswith(TEXT_MODEL)}
    faults = tuple(_faults(tensors, (key for key in tensors if key in needed)))
    if faults:
        part = part_at_fault(checkpoint, faults)
        where = checkpoint.origin.name if part is None else checkpoint.parts[part]
        remedy = (
            "use floating-point weights from before the training diverged"
            if part is None
            else f"give another file with {PART_OPTIONS[part]}"
        )
        raise CheckpointError(f"{where}: {summarize_items('unusable', faults)}; {remedy}")


def _faults(tensors: Mapping[str, Tensor], keys: Iterable[str]) -> Iterator[str]:
    for key in keys:
        tensor = tensors[key]
        if not is_dense(tensor):
            kind = "a tensor without values" if tensor.is_meta else str(tensor.layout)
            yield f"{key}: expected a dense tensor, found {kind.removeprefix('torch.')}"
        elif key.endswith(_INTEGERS):
            continue
        elif not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix("torch.")
            yield f"{key}: expected floating point, found {kind}"
        elif tensor.numel() and (fault := _not_finite(tensor)):
            yield f"{key}: {fault}"


def _not_finite(tensor: Tensor) -> str | None:
    """What is not finite in a tensor as float32, in which it is loaded; None if all is."""
    floats = tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()
    low, high = torch.aminmax(floats)  # one pass, which keeps NaN
    if torch.isnan(low):
        return "holds NaN"
    return None if low >= -_LARGEST and high <= _LARGEST else "holds infinity"
