"""Builds a bundle from a checkpoint."""

import platform
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from diad_deploy.arrays import FloatArray
from diad_deploy.bundle.folder import Bundle, BundleWriter
from diad_deploy.bundle.manifest import (
    FORMAT_REVISION,
    FusionLayer,
    FusionSpec,
    HeatmapSpec,
    Manifest,
    NoiseSpec,
)
from diad_deploy.diffusion.schedule import make_schedule
from diad_deploy.files.paths import StrPath, optional_path
from diad_deploy.log import get_logger
from diad_export.checkpoint.pretrained_features import complete_features
from diad_export.checkpoint.read import Checkpoint, Sources, read_checkpoint
from diad_export.checkpoint.usable_weights import check_checkpoint
from diad_export.checkpoint.weights import load_model
from diad_export.engines.bundle_engines import (
    Bar,
    check_convolutions,
    make_engines,
    no_bar,
    resolve_target,
)
from diad_export.engines.options import EngineOptions
from diad_export.graphs import Progress, write_float16, write_float32
from diad_export.memory import release_memory
from diad_export.model.diad import DiadModel
from diad_export.model.fusion import TRUNCATE_SIGMAS
from diad_export.model.sizes import LATENTS_FACTOR, check_image_size
from diad_export.onnx.components import image_spec, latents_spec, make_components
from diad_export.options import (
    BuildOptions,
    ResolvedOptions,
    resolve_options,
)
from diad_export.precision.calibration import Calibration, read_calibration

log = get_logger(__name__)

NOISE_FILE = "noise.npy"
POSTERIOR_NOISE_FILE = "posterior_noise.npy"
RECORDED_PACKAGES = (
    "diad_deploy",
    "torch",
    "diffusers",
    "timm",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "numpy",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildConfig(BuildOptions):
    """Which checkpoint to export, where, and how.

    >>> config = BuildConfig(checkpoint="model.safetensors", output="bundle", precision="fp16")

    Attributes:
        checkpoint: a file, or a folder of components or shards.
        output: the bundle's folder.
        force: replace an existing bundle.
        autoencoder, features: files to take the autoencoder and the feature extractor from, in
            place of the checkpoint.
        context: a `.npy` file of the empty prompt's context.
        extractor: name of the extractor's timm network, if its shapes do not identify it.
        engines: also build these engines.

    Other attributes and errors are those of `BuildOptions`.
    """

    checkpoint: StrPath
    output: StrPath
    force: bool = False
    autoencoder: StrPath | None = None
    features: StrPath | None = None
    context: StrPath | None = None
    extractor: str | None = None
    engines: EngineOptions | None = None


def build_bundle(
    config: BuildConfig, *, progress: Progress = lambda line: None, bar: Bar = no_bar
) -> Bundle:
    """Export a checkpoint to a bundle, as `diad-export build` does.

    Four graphs are exported, and each is compared with its PyTorch module.

    Args:
        config: which checkpoint, and how.
        progress: called with a line at each stage.
        bar: shows the build of each engine.

    Raises:
        CheckpointError: the checkpoint cannot be read or does not fit.
        ExportError: a graph cannot be exported, or differs from its module.
        OptionError: options do not fit the checkpoint.
        BackendError: engines cannot be built here.
        OutputError: the bundle cannot be written.
    """
    sources = Sources(
        checkpoint=Path(config.checkpoint),
        autoencoder=optional_path(config.autoencoder),
        features=optional_path(config.features),
        context=optional_path(config.context),
        extractor=config.extractor,
    )
    return build(
        sources,
        Path(config.output),
        config,
        force=config.force,
        engines=config.engines,
        progress=progress,
        bar=bar,
    )


def build(
    source: Path | Sources,
    destination: Path,
    options: BuildOptions,
    *,
    force: bool = False,
    engines: EngineOptions | None = None,
    progress: Progress = lambda line: None,
    bar: Bar = no_bar,
) -> Bundle:
    """Read a checkpoint, export the four graphs, check them, and write the bundle.

    Args:
        source: the checkpoint.
        destination: the bundle's folder.
        options: how to build.
        force: replace an existing bundle.
        engines: also build these engines.
        progress: called with a line at each stage.
        bar: shows the build of each engine.

    Raises:
        CheckpointError, OptionError, BackendError, ExportError, OutputError: as for
            `build_bundle`.
    """
    # fail before the minutes of exporting graphs
    if engines is not None:
        check_convolutions(options.convolutions, engines)
    target = None if engines is None else resolve_target(engines)
    with BundleWriter(destination, force=force) as writer:
        progress("reading the checkpoint")
        checkpoint = read_checkpoint(source)
        check_checkpoint(checkpoint)
        checkpoint, pretrained = complete_features(checkpoint)
        if pretrained is not None:
            progress(f"the checkpoint has no extractor: taking timm's pretrained {pretrained}")
        settings = resolve_options(options, checkpoint.recommended)
        log.info("building %s with %s, %s", destination, settings, options)
        model = load_model(checkpoint)
        manifest = export_graphs(model, checkpoint, options, settings, writer.folder, progress)
        if target is not None:
            del model, checkpoint
            release_memory()
            made = make_engines(writer.folder, manifest, *target, progress=progress, bar=bar)
            manifest = replace(manifest, engines=made)
        return writer.finish(manifest)


def export_graphs(
    model: DiadModel,
    checkpoint: Checkpoint,
    options: BuildOptions,
    settings: ResolvedOptions,
    folder: Path,
    progress: Progress,
) -> Manifest:
    """Write graphs and noise to `folder`; the manifest does not list the files yet."""
    check_image_size(settings.image_size_px, model.sizes.unet)
    image = image_spec(settings.image_size_px)
    schedule = make_schedule(settings.steps, settings.spacing)
    if schedule.steps != settings.steps:
        progress(f"{settings.steps} steps with leading spacing are {schedule.steps} steps")
    fusion = fusion_spec(model, settings)
    noise = write_noise(folder, latents_spec(model).channels, settings.image_size_px, options)
    components = make_components(
        model,
        image=image,
        schedule=schedule,
        fusion=fusion,
        only_mid_control=options.only_mid_control,
    )
    if options.precision != "fp16":
        graphs = write_float32(components, folder, progress, options.convolutions)
    else:
        images = read_calibration(optional_path(options.calibration), image, options.reading)
        progress(f"calibrating on {len(images.images)} images of {images.source}")
        for warning in images.warnings:
            progress(f"warning: {warning}")
        calibration = Calibration(images, *read_noise(folder), schedule)
        graphs = write_float16(components, folder, calibration, progress)
    return Manifest(
        format_revision=FORMAT_REVISION,
        checkpoint=checkpoint.origin,
        image=image,
        latents=latents_spec(model),
        schedule=schedule,
        noise=noise,
        fusion=fusion,
        heatmap=HeatmapSpec(low=settings.heatmap_low, high=settings.heatmap_high),
        only_mid_control=options.only_mid_control,
        graphs=graphs.specs,
        files=(),
        parity=graphs.parity,
        model=model.sizes.as_dict(),
        versions=recorded_versions(),
        precision=graphs.precision,
        convolutions=options.convolutions,
    )


def fusion_spec(model: DiadModel, settings: ResolvedOptions) -> FusionSpec:
    """The extractor's layers at this image size, and the smoothing and pools."""
    info: Any = model.features.feature_info  # timm's description of its feature maps
    layers = tuple(
        FusionLayer(name=name, channels=channels, side=settings.image_size_px // reduction)
        for name, channels, reduction in zip(
            info.module_name(), info.channels(), info.reduction(), strict=True
        )
    )
    return FusionSpec(
        layers=layers,
        sigma_px=settings.sigma_px,
        truncate_sigmas=TRUNCATE_SIGMAS,
        pool_size_px=settings.pool_size_px,
        pool_count=settings.pool_count,
    )


def write_noise(folder: Path, channels: int, size_px: int, options: BuildOptions) -> NoiseSpec:
    """Draw and store the noise, which is the same for every image."""
    side = size_px // LATENTS_FACTOR
    rng = np.random.default_rng(options.seed)
    noise = rng.standard_normal((channels, side, side), dtype=np.float32)
    posterior_noise = rng.standard_normal((channels, side, side), dtype=np.float32)
    if options.posterior == "mode":
        posterior_noise[:] = 0.0
    np.save(folder / NOISE_FILE, noise)
    np.save(folder / POSTERIOR_NOISE_FILE, posterior_noise)
    return NoiseSpec(
        seed=options.seed,
        posterior=options.posterior,
        noise_file=NOISE_FILE,
        posterior_noise_file=POSTERIOR_NOISE_FILE,
    )


def read_noise(folder: Path) -> tuple[FloatArray, FloatArray]:
    """The noise and the posterior noise in `folder`, each `[C, h, w]`."""
    return np.load(folder / NOISE_FILE), np.load(folder / POSTERIOR_NOISE_FILE)


def recorded_versions() -> dict[str, str]:
    """Versions of Python and the packages used to build the bundle."""
    found = {"python": platform.python_version()}
    for package in RECORDED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
