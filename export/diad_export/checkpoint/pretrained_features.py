"""Adds timm's pretrained feature extractor to a checkpoint that was saved without one.

The published training uses timm's pretrained ResNet-50 and never trains it, so taking it from timm
again gives the same model.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import timm
from torch import Tensor

from diad_deploy.errors import CheckpointError
from diad_export.checkpoint.published_keys import FEATURES
from diad_export.checkpoint.read import Checkpoint
from diad_export.model.features import make_features
from diad_export.model.sizes import PUBLISHED, FeatureSizes


def complete_features(checkpoint: Checkpoint) -> tuple[Checkpoint, str | None]:
    """Add the extractor's weights if the checkpoint has none.

    Returns:
        The checkpoint, and timm's name of the weights that were added; None for none.

    Raises:
        CheckpointError: the weights are neither on this machine nor can be downloaded.
    """
    if any(key.startswith(FEATURES) for key in checkpoint.tensors):
        return checkpoint, None
    name = checkpoint.recommended.extractor or PUBLISHED.features.name
    state, tag = _pretrained(name)
    tensors = {**checkpoint.tensors, **{FEATURES + key: value for key, value in state.items()}}
    recommended = replace(checkpoint.recommended, extractor=name)
    return replace(checkpoint, tensors=tensors, recommended=recommended), tag


def _pretrained(name: str) -> tuple[dict[str, Tensor], str]:
    """Pretrained weights of the timm network `name`, and timm's name of them."""
    if not timm.is_model(name):
        raise CheckpointError(
            f"no timm network {name!r}; name one of timm.list_models() with --extractor"
        )
    try:
        with _quiet():
            network = make_features(FeatureSizes(name=name), pretrained=True)
    except (OSError, RuntimeError, ValueError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise CheckpointError(
            f"the checkpoint has no feature extractor (no key begins with {FEATURES!r}), and "
            f"timm's pretrained {name} cannot be loaded: {reason}; give its file with --features"
        ) from None
    tag = getattr(timm.get_pretrained_cfg(name), "tag", None)
    return dict(network.state_dict()), f"{name}.{tag}" if tag else name


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the downloader's retries; its failure becomes one error."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
