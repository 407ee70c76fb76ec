"""Recognises files of other models by their keys, and says what to do with them."""

import re
from collections.abc import Iterable
from pathlib import Path

from diad_deploy.errors import CheckpointError
from diad_export.checkpoint.key_prefixes import PARTS, foreign_prefix
from diad_export.checkpoint.published_keys import AUTOENCODER, CONTEXT, CONTROL, UNET

MAX_NAMED = 3
_AUTOENCODER = "give it with --autoencoder, beside a DiAD checkpoint"
_COMPONENT = "put it in a folder of components"
_KINDS = (
    (r"lora_|\.lora\.", "LoRA weights", "merge them into the model and save the model"),
    (r"controlnet_down_blocks\.", "diffusers' ControlNet alone", f"{_COMPONENT}, as controlnet/"),
    (r"encoder\.down_blocks\.", "diffusers' autoencoder alone", _AUTOENCODER),
    (r"encoder\.down\.\d+\.block\.", "an autoencoder alone", _AUTOENCODER),
    (r"down_blocks\.\d+\.resnets\.", "diffusers' UNet alone", f"{_COMPONENT}, as unet/"),
    (r"text_model\.", "CLIP's text model alone", f"{_COMPONENT}, as text_encoder/"),
    (
        r"layer1\.0\.conv1\.",
        "a ResNet with the names of timm and torchvision",
        "if it is the feature extractor, give it with --features, beside a DiAD checkpoint",
    ),
    (r"blocks\.\d+\.attn\.", "a vision transformer", ""),
)
"""Pattern of a key, what a file with such a key is, and what to do with it, if anything."""


def reject_other_models(path: Path, keys: Iterable[str]) -> None:
    """Raise `CheckpointError` if no key belongs to a DiAD model."""
    found = list(keys)
    if any(key.startswith(PARTS) or key == CONTEXT for key in found):
        return
    if prefix := foreign_prefix(found):
        raise CheckpointError(
            f"{path}: holds a DiAD model under the prefix {prefix!r}, and other keys without it; "
            f"save the model alone, without the prefix"
        )
    kind, remedy = identify_model(found)
    listed = ", ".join(found[:MAX_NAMED])
    raise CheckpointError(
        f"{path}: expected a DiAD checkpoint, with keys that begin with {UNET!r}, {CONTROL!r} and "
        f"{AUTOENCODER!r}, found {kind} ({len(found)} tensors, such as {listed})"
        f"{f'; {remedy}' if remedy else ''}"
    )


def identify_model(keys: Iterable[str]) -> tuple[str, str]:
    """What a file without a DiAD model holds, and what to do with it; the latter can be empty."""
    found = list(keys)
    for pattern, kind, remedy in _KINDS:
        if any(re.search(rf"(^|\.){pattern}", key) for key in found):
            return kind, remedy
    return "another model", ""
