"""Whether a checkpoint can become a model: looked at before anything is fetched or exported."""

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
    listed,
    make_empty_model,
    model_keys,
    part_at_fault,
)
from diad_export.model.diad import DiadModel

_COUNTS = ("num_batches_tracked", "position_ids")
"""Endings of the only keys whose values are whole numbers."""
_LARGEST = torch.finfo(torch.float32).max


def check_checkpoint(checkpoint: Checkpoint) -> None:
    """Check that all a model needs is there and holds numbers; an extractor may lack altogether.

    Raises:
        CheckpointError: tensors missing or misshapen, of whole numbers, NaN or infinite; the first
            are named, all are counted.
    """
    model = make_empty_model(checkpoint)
    has_extractor = any(key.startswith(FEATURES) for key in checkpoint.tensors)
    check_fit(model, checkpoint, without=None if has_extractor else FEATURES)
    check_values(checkpoint, model)


def check_values(checkpoint: Checkpoint, model: DiadModel) -> None:
    """Raise `CheckpointError` where weights of `model` are no floating-point numbers."""
    tensors = checkpoint.tensors
    needed = set(model_keys(model).values())
    if CONTEXT not in tensors:
        needed |= {key for key in tensors if key.startswith(TEXT_MODEL)}
    faults = tuple(_faults(tensors, (key for key in tensors if key in needed)))
    if faults:
        part = part_at_fault(checkpoint, faults)
        where = checkpoint.origin.name if part is None else checkpoint.parts[part]
        way_out = (
            "take the floating-point weights that the training saved, from before it diverged"
            if part is None
            else f"give another file with {PART_OPTIONS[part]}"
        )
        raise CheckpointError(f"{where}: {listed('unusable', faults)}; {way_out}")


def _faults(tensors: Mapping[str, Tensor], keys: Iterable[str]) -> Iterator[str]:
    for key in keys:
        tensor = tensors[key]
        if not is_dense(tensor):
            kind = "one without values" if tensor.is_meta else str(tensor.layout)
            yield f"{key}: expected a dense tensor, found {kind.removeprefix('torch.')}"
        elif key.endswith(_COUNTS):
            continue
        elif not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix("torch.")
            yield f"{key}: expected floating point, found {kind}"
        elif tensor.numel() and (fault := _not_finite(tensor)):
            yield f"{key}: {fault}"


def _not_finite(tensor: Tensor) -> str | None:
    """What of a tensor is no number in float32, in which it is loaded."""
    wide = tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()
    low, high = torch.aminmax(wide)  # one pass, and NaN comes through
    if torch.isnan(low):
        return "holds NaN"
    return None if low >= -_LARGEST and high <= _LARGEST else "holds infinity"
