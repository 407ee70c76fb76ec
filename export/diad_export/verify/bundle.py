"""`diad-export verify`: opens what a verification needs, runs it, and stores the result."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from diad_deploy.backends import AUTO, check_choice
from diad_deploy.bundle.folder import THRESHOLDS_NAME, Bundle
from diad_deploy.bundle.update import update_manifest
from diad_deploy.choices import check_choices
from diad_deploy.errors import InputError, OptionError
from diad_deploy.files.paths import StrPath, optional_path
from diad_deploy.images.formats.white_level import resolve_white
from diad_deploy.images.options import ImageOptions, ReadingOptions
from diad_deploy.inspection.summary import Progress, no_progress
from diad_deploy.labelled.mask_findings import check_masks
from diad_deploy.log import get_logger
from diad_deploy.thresholds.decide import check_threshold
from diad_deploy.thresholds.file import find_thresholds
from diad_export.checkpoint.pretrained_features import complete_features
from diad_export.checkpoint.read import Checkpoint, Sources, read_checkpoint
from diad_export.checkpoint.usable_weights import check_checkpoint
from diad_export.checkpoint.weights import load_model
from diad_export.verify.labelled_images import find_labelled
from diad_export.verify.result import Limits, Verification
from diad_export.verify.stages import BATCH, VerifyOptions, verify
from diad_export.verify.traced_bundle import Rounding, trace_bundle

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationConfig(ReadingOptions):
    """Which bundle to compare with PyTorch, on which images, and within which limits.

    >>> config = VerificationConfig(bundle="bundle", images="photos", checkpoint="model.ckpt")

    Attributes:
        bundle: the bundle's folder.
        images: folder of images; its folders are labels where they are called good and otherwise.
        masks: folder of the masks; None looks for `masks` or `ground_truth`.
        most: use at most this many images, evenly spread; None for all.
        checkpoint: what the bundle was built from; None looks for it beside the bundle.
        autoencoder, features, context, extractor: as for `BuildConfig`.
        backend, device, tf32: as for `Detector.open`.
        threshold: scores above it are defects; None takes a value between PyTorch's scores.
        noise_floor: run PyTorch again with noise of another seed, to compare with.
        torch_half: run PyTorch again in its own float16 (autocast), to compare with.
        rounding: for float16 graphs on a CPU: `every-node` as a GPU rounds, or `as-run`.
        strict: refuse images whose masks are missing or cannot be used.
        limits: the most that the bundle may differ.
        bit_depth, white, max_megapixels: as for `Detector.open`.

    Raises:
        OptionError: a value does not fit.
    """

    bundle: StrPath
    images: StrPath
    masks: StrPath | None = None
    most: int | None = None
    checkpoint: StrPath | None = None
    autoencoder: StrPath | None = None
    features: StrPath | None = None
    context: StrPath | None = None
    extractor: str | None = None
    backend: str = AUTO
    device: str = AUTO
    tf32: bool = False
    threshold: float | None = None
    noise_floor: bool = True
    torch_half: bool = False
    rounding: Rounding = "every-node"
    strict: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        check_choice(self.backend, self.device)
        check_threshold(self.threshold, None)
        check_choices(self, rounding=Rounding)
        if self.most is not None and self.most < 1:
            raise OptionError(f"most {self.most}: expected at least 1")
        _ = self.reading


def verify_bundle(
    config: VerificationConfig, *, progress: Callable[[Progress], None] = no_progress
) -> Verification:
    """Compare a bundle with PyTorch, as `diad-export verify` does.

    The result is also stored in the bundle's manifest.

    Args:
        config: which bundle, on which images, within which limits.
        progress: called after each image.

    Raises:
        BundleError, CheckpointError: the bundle or the checkpoint cannot be used.
        InputError: there are no images, or it is another checkpoint than the bundle's.
        BackendError: nothing runs the bundle. OutputError: the manifest cannot be written.
    """
    opened, images = Bundle.open(config.bundle), Path(config.images)
    options = VerifyOptions(
        threshold=config.threshold,
        noise_floor=config.noise_floor,
        torch_half=config.torch_half,
        reading=resolve_reading(opened, config.reading),
        limits=config.limits,
    )
    labelled = find_labelled(images, masks=optional_path(config.masks), most=config.most)
    if config.strict:
        defective = (p for p in labelled if p.defective)
        size_px = opened.manifest.image.size_px
        found_masks = ((p.name, p.path, p.mask) for p in defective)
        check_masks(found_masks, size_px, limit_px=options.reading.limit_px)
    sources = Sources(
        checkpoint=find_checkpoint(opened, optional_path(config.checkpoint)),
        autoencoder=optional_path(config.autoencoder),
        features=optional_path(config.features),
        context=optional_path(config.context),
        extractor=config.extractor,
    )
    log.info("comparing %s with %s on %d images", opened.path, sources.checkpoint, len(labelled))
    model = load_model(_read(opened, sources))
    with trace_bundle(
        opened,
        backend=config.backend,
        device=config.device,
        batch_size=BATCH,
        tf32=config.tf32,
        rounding=config.rounding,
    ) as traced:
        found = verify(opened, model, traced, labelled, options, progress=progress)
    manifest = replace(opened.manifest, verification={"images": images.name, **found.as_json()})
    update_manifest(opened, manifest)
    return found


def resolve_reading(bundle: Bundle, given: ImageOptions) -> ImageOptions:
    """How images are read: as for the bundle's thresholds, if it has any.

    Raises:
        OptionError: `given` differs.
        ThresholdsError: the thresholds cannot be used.
    """
    thresholds = find_thresholds(bundle.path, bundle.manifest)
    stored = thresholds.white_level if thresholds is not None else None
    where = str(bundle.path / THRESHOLDS_NAME)
    return replace(given, white=resolve_white(given.white, stored, where=where))


def _read(bundle: Bundle, sources: Sources) -> Checkpoint:
    """Read the checkpoint, and check that the bundle was built from it."""
    read = read_checkpoint(sources)
    check_checkpoint(read)
    checkpoint, _ = complete_features(read)
    expected, found = bundle.manifest.checkpoint, checkpoint.origin
    if found.sha256 != expected.sha256:
        raise InputError(
            f"{sources.checkpoint}: expected the checkpoint that {bundle.path} was built from "
            f"({expected.name}, SHA-256 {expected.sha256[:12]}…), found SHA-256 "
            f"{found.sha256[:12]}…; give the right one with --checkpoint"
        )
    return checkpoint


def find_checkpoint(bundle: Bundle, given: Path | None) -> Path:
    """The path of the checkpoint that the bundle was built from, by its name if not given.

    Raises:
        InputError: it is neither in the folder of the bundle nor in the working folder.
    """
    if given is not None:
        return given
    name = bundle.manifest.checkpoint.name
    for folder in (bundle.path.absolute().parent, Path.cwd()):
        if (folder / name).exists():
            return folder / name
    raise InputError(
        f"{bundle.path}: built from {name}, which is neither in the same folder nor in the working "
        f"folder; give it with --checkpoint"
    )
