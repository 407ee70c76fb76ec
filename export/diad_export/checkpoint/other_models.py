"""Files of other models, told by their keys: what such a file is, and where it may belong."""

import re
from collections.abc import Iterable
from pathlib import Path

from diad_deploy.errors import CheckpointError
from diad_export.checkpoint.key_prefixes import PARTS, foreign_prefix
from diad_export.checkpoint.published_keys import AUTOENCODER, CONTEXT, CONTROL, UNET

MAX_NAMED = 3
_AUTOENCODER = "give it with --autoencoder, beside a DiAD checkpoint"
_COMPONENT = "lay it into a folder of components"
_KINDS = (
    (r"lora_|\.lora\.", "LoRA's changes to a model", "merge them into the model and save that"),
    (r"controlnet_down_blocks\.", "diffusers' ControlNet alone", f"{_COMPONENT}, as controlnet/"),
    (r"encoder\.down_blocks\.", "diffusers' autoencoder alone", _AUTOENCODER),
    (r"encoder\.down\.\d+\.block\.", "an autoencoder alone", _AUTOENCODER),
    (r"down_blocks\.\d+\.resnets\.", "diffusers' UNet alone", f"{_COMPONENT}, as unet/"),
    (r"text_model\.", "CLIP's text model alone", f"{_COMPONENT}, as text_encoder/"),
    (
        r"layer1\.0\.conv1\.",
        "a ResNet, named as in timm and torchvision",
        "if it is the feature extractor, give it with --features, beside a DiAD checkpoint",
    ),
    (r"blocks\.\d+\.attn\.", "a vision transformer", ""),
)
"""Where a pattern is in any key, what the file is, and the way out where there is one."""


def refuse_other_models(path: Path, keys: Iterable[str]) -> None:
    """Raise `CheckpointError` where no key is one of a DiAD model's parts."""
    found = list(keys)
    if any(key.startswith(PARTS) or key == CONTEXT for key in found):
        return
    if prefix := foreign_prefix(found):
        raise CheckpointError(
            f"{path}: holds a DiAD model's keys under {prefix!r}, beside others that are not under "
            f"it; save the model alone, without that prefix"
        )
    what, way_out = described(found)
    shown = ", ".join(found[:MAX_NAMED])
    raise CheckpointError(
        f"{path}: no DiAD checkpoint but {what} ({len(found)} tensors, such as {shown}); expected "
        f"keys that begin with {UNET!r}, {CONTROL!r}, {AUTOENCODER!r}"
        f"{f'; {way_out}' if way_out else ''}"
    )


def described(keys: Iterable[str]) -> tuple[str, str]:
    """What a file of another model is, and the way out where there is one."""
    found = list(keys)
    for pattern, kind, way_out in _KINDS:
        if any(re.search(rf"(^|\.){pattern}", key) for key in found):
            return kind, way_out
    return "another model", ""
