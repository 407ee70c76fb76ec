"""What a checkpoint file is, what it lacks, and what to do: `diad-export inspect`."""

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
    """What is in a checkpoint, and whether a bundle can be built from it.

    Attributes:
        kind: in words.
        parts: number of tensors of each part.
        sizes: of the model, where they can be read.
        missing, extra, misshapen: published keys.
        advice: what to do; empty where the checkpoint is whole.
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
        """Whether `diad-export build` can use it as it is."""
        return self.sizes is not None and not self.missing and not self.misshapen


def diagnose(source: Path | Sources) -> Diagnosis:
    """Look at a checkpoint without building anything.

    Raises:
        CheckpointError: it cannot be read, is another model's, or holds weights that are no
            numbers.
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
    fit = compare_shapes(model, shapes)
    expected = set(model_keys(model).values())
    return Diagnosis(
        name=checkpoint.origin.name,
        kind=_kind(parts, whole=not _trained(fit.missing), silent=_is_silent(checkpoint)),
        parts=parts,
        sizes=model.sizes.as_dict(),
        missing=fit.missing,
        extra=tuple(key for key in shapes if key not in expected and _unknown(key)),
        misshapen=fit.misshapen,
        advice=_part_advice(checkpoint, (*fit.missing, *fit.misshapen))
        or _advice(fit.missing, fit.misshapen, has_extractor=parts["feature extractor"] > 0),
    )


def _missing_parts(parts: dict[str, int]) -> tuple[str, ...]:
    """Of a model whose sizes cannot be read: what it needs and has nothing of."""
    needed = ("UNet", "SG network", "autoencoder")
    return tuple(f"{PARTS[name]}* (the {name})" for name in needed if not parts[name])


def _trained(missing: tuple[str, ...]) -> list[str]:
    """Of what is missing, what a training makes: the extractor is timm's."""
    return [key for key in missing if not key.startswith(FEATURES)]


def _unknown(key: str) -> bool:
    """Whether a key beyond those needed is worth a word: schedule buffers and text are not."""
    return "." in key and not key.startswith((TEXT, FEATURES))


def _is_silent(checkpoint: Checkpoint) -> bool:
    """Whether the SG network says nothing: all convolutions that let it out are zero."""
    outlets = [
        tensor
        for key, tensor in checkpoint.tensors.items()
        if key.startswith((f"{CONTROL}zero_convs.", f"{CONTROL}middle_block_out."))
    ]
    return bool(outlets) and not any(tensor.any() for tensor in outlets)


def _kind(parts: dict[str, int], *, whole: bool, silent: bool = False) -> str:
    unet, control = parts["UNet"] > 0, parts["SG network"] > 0
    if unet and control and silent:
        return "a DiAD model before training (the SG network's zero convolutions are still zero)"
    if unet and control:
        return "a trained DiAD model" if whole else "a DiAD model that is not whole"
    if unet:
        return "a Stable Diffusion model without the SG network (before training)"
    if parts["autoencoder"]:
        return "an autoencoder alone"
    return "no model that this project knows"


def _part_advice(checkpoint: Checkpoint, faulty: tuple[str, ...]) -> str:
    """What to do where all that is at fault came from one file of a part."""
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
        return "there is neither a text model nor a context; give one with --context FILE.npy"
    if missing and not _trained(missing) and not has_extractor and not misshapen:
        return (
            "the feature extractor is not in the file: give it with --features FILE, or let the "
            "build take timm's pretrained one, where it can be had"
        )
    if missing and not _trained(missing):
        return "the feature extractor is not whole; give one with --features FILE"
    if all(key.startswith(TEXT) for key in (*missing, *misshapen)):
        return "the text model is not whole; give the context itself with --context FILE.npy"
    if missing and all(key.startswith(AUTOENCODER) for key in missing):
        return "the autoencoder is not whole; give one with --autoencoder FILE"
    return (
        "train or save the model again with all its parts, or check that the file is the right one"
    )
