"""`diad-export verify`: opens what a verification needs, runs it, and stores the result."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from diad_deploy.bundle.folder import THRESHOLDS_NAME, Bundle
from diad_deploy.bundle.update import update_manifest
from diad_deploy.cli.progress import show_progress
from diad_deploy.errors import InputError
from diad_deploy.images.formats.white_level import resolve_white
from diad_deploy.images.options import ImageOptions
from diad_deploy.labelled.mask_findings import check_masks
from diad_deploy.thresholds.file import find_thresholds
from diad_export.checkpoint.pretrained_features import complete_features
from diad_export.checkpoint.read import Checkpoint, Sources, read_checkpoint
from diad_export.checkpoint.usable_weights import check_checkpoint
from diad_export.checkpoint.weights import load_model
from diad_export.verify.labelled_images import find_labelled
from diad_export.verify.result import Limits, Verification
from diad_export.verify.stages import BATCH, VerifyOptions, verify
from diad_export.verify.traced_bundle import Rounding, trace_bundle


def verify_bundle(
    *,
    bundle: Path,
    images: Path,
    masks: Path | None,
    most: int | None,
    checkpoint: Path | None,
    backend: str,
    device: str,
    threshold: float | None,
    noise_floor: bool,
    tf32: bool = False,
    torch_half: bool = False,
    rounding: Rounding = "every-node",
    strict: bool = False,
    reading: ImageOptions | None = None,
    autoencoder: Path | None = None,
    features: Path | None = None,
    context: Path | None = None,
    extractor: str | None = None,
    **limits: Any,
) -> Verification:
    """Verify the bundle at `bundle`; `limits` as the fields of `Limits`.

    `strict` refuses images whose masks are not all as they should be (`check_masks`).

    Raises:
        BundleError, CheckpointError, InputError, BackendError, OutputError: see each.
    """
    opened = Bundle.open(bundle)
    options = VerifyOptions(
        threshold=threshold,
        noise_floor=noise_floor,
        torch_half=torch_half,
        reading=resolve_reading(opened, reading or ImageOptions()),
        limits=Limits(**limits),
    )
    labelled = find_labelled(images, masks=masks, most=most)
    if strict:
        defective = (p for p in labelled if p.defective)
        size_px = opened.manifest.image.size_px
        found_masks = ((p.name, p.path, p.mask) for p in defective)
        check_masks(found_masks, size_px, limit_px=options.reading.limit_px)
    sources = Sources(
        checkpoint=find_checkpoint(opened, checkpoint),
        autoencoder=autoencoder,
        features=features,
        context=context,
        extractor=extractor,
    )
    model = load_model(_read(opened, sources))
    with (
        trace_bundle(
            opened, backend=backend, device=device, batch_size=BATCH, tf32=tf32, rounding=rounding
        ) as observed,
        show_progress() as tell,
    ):
        found = verify(opened, model, observed, labelled, options, progress=tell)
    manifest = replace(opened.manifest, verification={"images": images.name, **found.as_json()})
    update_manifest(opened, manifest)
    return found


def resolve_reading(bundle: Bundle, given: ImageOptions) -> ImageOptions:
    """How images are read: as the thresholds beside the bundle were set, where there are any.

    Raises:
        OptionError: `given` differs. ThresholdsError: the thresholds cannot be used.
    """
    thresholds = find_thresholds(bundle.path, bundle.manifest)
    kept = thresholds.white_level if thresholds is not None else None
    where = str(bundle.path / THRESHOLDS_NAME)
    return replace(given, white=resolve_white(given.white, kept, where=where))


def _read(bundle: Bundle, sources: Sources) -> Checkpoint:
    """The checkpoint, once it is known to be the one that the bundle was built from."""
    read = read_checkpoint(sources)
    check_checkpoint(read)
    checkpoint, _ = complete_features(read)
    expected, found = bundle.manifest.checkpoint, checkpoint.origin
    if found.sha256 != expected.sha256:
        raise InputError(
            f"{sources.checkpoint}: expected the checkpoint that {bundle.path} was built from "
            f"({expected.name}, SHA-256 {expected.sha256[:12]}…), found SHA-256 "
            f"{found.sha256[:12]}…; name that one with --checkpoint"
        )
    return checkpoint


def find_checkpoint(bundle: Bundle, given: Path | None) -> Path:
    """The checkpoint that the bundle was built from: as given, or by its name beside the bundle.

    Raises:
        InputError: nothing of that name lies beside the bundle or in the working folder.
    """
    if given is not None:
        return given
    name = bundle.manifest.checkpoint.name
    for folder in (bundle.path.absolute().parent, Path.cwd()):
        if (folder / name).exists():
            return folder / name
    raise InputError(
        f"{bundle.path}: built from {name}, which lies neither beside it nor in this folder; "
        f"name it with --checkpoint"
    )
