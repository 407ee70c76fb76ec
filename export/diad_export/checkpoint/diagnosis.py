"""Identifies a checkpoint, lists what it lacks, and advises: `diad-export inspect`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diad_deploy.errors import CheckpointError
from diad_export.checkpoint.published_keys import (
    AUTOENCODER,
    CONTEXT,
    CONTROL,
    FEATURES,
    TEXT,
    UNET,
)
from diad_export.checkpoint.read import PART_OPTIONS, Checkpoint, Sources, read_checkpoint
from diad_export.checkpoint.usable_weights import check_values
from diad_export.checkpoint.weights import (
    compare_shapes,
    make_empty_model,
    model_keys,
    part_at_fault,
)

PARTS = {
    "UNet": UNET,
    "SG network": CONTROL,
    "autoencoder": AUTOENCODER,
    "text model": TEXT,
    "feature extractor": FEATURES,
    "context": CONTEXT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What a checkpoint holds, and whether a bundle can be built from it.

    Attributes:
        name: of the file or folder.
        kind: a description of the model.
        parts: number of tensors in each part.
        sizes: of the model; None if they cannot be read.
        missing, extra, misshapen: published keys.
        advice: what to do; empty if the checkpoint is complete.
    """

    name: str
    kind: str
    parts: dict[str, int]
    sizes: dict[str, Any] | None
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    misshapen: tuple[str, ...]
    advice: str

    @property
    def whole(self) -> bool:
        """Whether `diad-export build` can use it."""
        return self.sizes is not None and not self.missing and not self.misshapen


def diagnose(source: Path | Sources) -> Diagnosis:
    """Examine a checkpoint without building anything.

    Raises:
        CheckpointError: it cannot be read, holds another model, or its weights are not finite
            floating-point numbers.
    """
    checkpoint = read_checkpoint(source)
    shapes = checkpoint.shapes()
    parts = {name: sum(key.startswith(prefix) for key in shapes) for name, prefix in PARTS.items()}
    try:
        model = make_empty_model(checkpoint)
    except CheckpointError as error:
        return Diagnosis(
            name=checkpoint.origin.name,
            kind=_kind(parts, whole=False),
            parts=parts,
            sizes=None,
            missing=_missing_parts(parts),
            extra=(),
            misshapen=(),
            advice=str(error),
        )
    check_values(checkpoint, model)
    fit, expected = compare_shapes(model, shapes), set(model_keys(model).values())
    whole = not _missing_trained(fit.missing)
    return Diagnosis(
        name=checkpoint.origin.name,
        kind=_kind(parts, whole=whole, untrained=_is_untrained(checkpoint)),
        parts=parts,
        sizes=model.sizes.as_dict(),
        missing=fit.missing,
        extra=tuple(key for key in shapes if key not in expected and _is_reported(key)),
        misshapen=fit.misshapen,
        advice=_part_advice(checkpoint, (*fit.missing, *fit.misshapen))
        or _advice(fit.missing, fit.misshapen, has_extractor=parts["feature extractor"] > 0),
    )


def _missing_parts(parts: dict[str, int]) -> tuple[str, ...]:
    """The parts that are missing entirely, for a model whose sizes cannot be read."""
    needed = ("UNet", "SG network", "autoencoder")
    return tuple(f"{PARTS[name]}* (the {name})" for name in needed if not parts[name])


def _missing_trained(missing: tuple[str, ...]) -> list[str]:
    """The missing keys of trained parts; the extractor can be taken from timm."""
    return [key for key in missing if not key.startswith(FEATURES)]


def _is_reported(key: str) -> bool:
    """Whether to report an extra key: not buffers of the schedule, nor keys of the text model."""
    return "." in key and not key.startswith((TEXT, FEATURES))


def _is_untrained(checkpoint: Checkpoint) -> bool:
    """Whether the SG network has no effect, because all its output convolutions are zero."""
    outputs = [
        tensor
        for key, tensor in checkpoint.tensors.items()
        if key.startswith((f"{CONTROL}zero_convs.", f"{CONTROL}middle_block_out."))
    ]
    return bool(outputs) and not any(tensor.any() for tensor in outputs)


def _kind(parts: dict[str, int], *, whole: bool, untrained: bool = False) -> str:
    unet, control = parts["UNet"] > 0, parts["SG network"] > 0
    if unet and control and untrained:
        return "a DiAD model before training (the SG network's zero convolutions are still zero)"
    if unet and control:
        return "a trained DiAD model" if whole else "an incomplete DiAD model"
    if unet:
        return "a Stable Diffusion model without the SG network (before training)"
    if parts["autoencoder"]:
        return "an autoencoder alone"
    return "an unknown model"


def _part_advice(checkpoint: Checkpoint, faulty: tuple[str, ...]) -> str:
    """What to do if all faulty keys came from the file of one part."""
    part = part_at_fault(checkpoint, faulty) if faulty else None
    if part is None:
        return ""
    network = ", or name its network with --extractor" if part == FEATURES else ""
    return (
        f"{checkpoint.parts[part]} does not fit the model; give another file with "
        f"{PART_OPTIONS[part]}{network}"
    )


def _advice(missing: tuple[str, ...], misshapen: tuple[str, ...], *, has_extractor: bool) -> str:
    if not missing and not misshapen:
        return ""
    if any(key == CONTEXT for key in missing):
        return "it has neither a text model nor a context; give a context with --context FILE.npy"
    if missing and not _missing_trained(missing) and not has_extractor and not misshapen:
        return (
            "the feature extractor is not in the file: give it with --features FILE, or let the "
            "build download timm's pretrained one"
        )
    if missing and not _missing_trained(missing):
        return "the feature extractor is incomplete; give one with --features FILE"
    if all(key.startswith(TEXT) for key in (*missing, *misshapen)):
        return "the text model is incomplete; give a context with --context FILE.npy"
    if missing and all(key.startswith(AUTOENCODER) for key in missing):
        return "the autoencoder is incomplete; give one with --autoencoder FILE"
    return "save the model again with all its parts, or check that this is the right file"
