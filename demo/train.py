"""`python -m demo.train`: draws the images, trains all stages, and writes the checkpoint."""

from dataclasses import replace
from pathlib import Path

import click
import torch

from demo.learning.array_cache import cached_array
from demo.learning.devices import prepare_device
from demo.learning.hardening import HardeningStage, reconstruction_pairs
from demo.learning.images import generic_images, training_images
from demo.learning.stages import (
    AutoencoderStage,
    DiffusionStage,
    FeatureStage,
    Images,
    ImageSource,
    initialise_zero_convolutions,
    standardise_latents,
)
from demo.learning.training import Stage, StageResult, log_path, read_log, train_stage
from demo.settings import DEFAULT_SETTINGS, Settings, load_settings
from diad_deploy.arrays import FloatArray
from diad_deploy.cli.console import run_command
from diad_deploy.diffusion.schedule import make_schedule
from diad_export.checkpoint.weights import save_checkpoint
from diad_export.model.autoencoder import encode_moments
from diad_export.model.diad import DiadModel
from diad_export.model.sizes import LATENTS_SCALE
from diad_export.onnx.components import image_spec
from diad_export.options import Recommended

STAGES = ("features", "autoencoder", "diffusion", "hardening")
DEFAULT_FOLDER = Path(__file__).with_name("work")
DEFAULT_CHECKPOINT = Path(__file__).with_name("checkpoint.safetensors")


def train(
    settings: Settings,
    folder: Path,
    checkpoint: Path,
    *,
    stop_after: int | None = None,
    device: str = "cpu",
    batch_scale: int = 1,
) -> list[StageResult]:
    """Train all stages in order, resuming from the states in `folder`.

    Args:
        settings: sizes, data and stages.
        folder: for images, states and logs.
        checkpoint: written in float16 with the published keys once all stages are finished.
        stop_after: stop after this many further steps of the first unfinished stage.
        device: `cpu`, `cuda` or `cuda:N`; a training can resume on another device.
        batch_scale: factor for the batch sizes of the settings.

    Returns:
        The progress of each stage that was started.

    Raises:
        OptionError, BackendError: PyTorch cannot use this device.
    """
    where = prepare_device(device)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    model = DiadModel(settings.model_sizes(), context_tokens=settings.unet.context_tokens)
    generator = torch.Generator().manual_seed(settings.seed)
    model.context.copy_(torch.randn(model.context.shape, generator=generator))
    initialise_zero_convolutions(model, generator)
    products = training_images(settings, folder)
    # before the GPU is used: images are drawn by child processes, and CUDA does not survive a fork
    generic = generic_images(settings, folder)
    model.to(where)
    results = []
    for name in STAGES:
        stage = _make_stage(name, settings, folder, model, products, generic)
        lengths = getattr(settings.train, name)
        results.append(
            train_stage(
                stage,
                replace(lengths, batch=lengths.batch * batch_scale),
                seed=settings.seed,
                folder=folder,
                stop_after=stop_after,
            )
        )
        if not results[-1].finished:
            return results
        if name == "autoencoder":
            source = ImageSource([products], image_spec(settings.data.size_px), where)
            standardise_latents(model, source.batch(128, generator))
    save_checkpoint(model.cpu(), checkpoint, _recommended(settings))
    return results


def _make_stage(
    name: str,
    settings: Settings,
    folder: Path,
    model: DiadModel,
    products: Images,
    generic: Images,
) -> Stage:
    image, device = image_spec(settings.data.size_px), model.context.device
    good = ImageSource([products], image, device)
    if name == "diffusion":
        return DiffusionStage(model, good, _encoded(model, good, folder))
    everything = ImageSource([products, generic], image, device)
    if name == "features":
        return FeatureStage(model, everything)
    if name == "autoencoder":
        return AutoencoderStage(model, everything)
    schedule = make_schedule(settings.build.steps, settings.build.spacing)
    pairs = reconstruction_pairs(model, everything, schedule, settings.seed, folder)
    return HardeningStage(model, everything, pairs)


@torch.no_grad()
def _encoded(model: DiadModel, source: ImageSource, folder: Path) -> torch.Tensor:
    """Scaled posterior means of the images in the only array of `source`, cached in `folder`."""

    def encode_all() -> FloatArray:
        [stored] = source.arrays
        parts = []
        for start in range(0, len(stored), 32):
            images = source.normalise(torch.tensor(stored[start : start + 32]))
            parts.append(LATENTS_SCALE * encode_moments(model.autoencoder, images)[0])
        return torch.cat(parts).cpu().numpy()

    return torch.from_numpy(cached_array(folder / "latents.npy", encode_all))


def _recommended(settings: Settings) -> Recommended:
    build = settings.build
    return Recommended(
        extractor=settings.extractor.name,
        image_size_px=settings.data.size_px,
        steps=build.steps,
        spacing=build.spacing,
        sigma_px=build.sigma_px,
        pool_size_px=build.pool_size_px,
        pool_count=build.pool_count,
        heatmap_low=build.heatmap_low,
        heatmap_high=build.heatmap_high,
    )


def _speed(folder: Path, stage: str) -> str:
    rows = list(read_log(log_path(folder, stage)))
    speed = rows[-1].get("pictures_per_s") if rows else None
    return "" if speed is None else f", {speed:g} images per second"


@click.command(name="demo.train")
@click.option(
    "--settings",
    "settings_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_SETTINGS,
    show_default="demo/settings.toml",
    help="Sizes, data and training stages.",
)
@click.option(
    "--work",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_FOLDER,
    show_default="demo/work",
    help="Folder of images, states and logs; training resumes from the states.",
)
@click.option(
    "-o",
    "--output",
    "checkpoint",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_CHECKPOINT,
    show_default="demo/checkpoint.safetensors",
    help="The checkpoint, written when all stages are finished.",
)
@click.option(
    "--stop-after",
    type=click.IntRange(min=1),
    help="Stop after this many further steps of the current stage; run again to resume.",
)
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="cpu, cuda or cuda:N; training can resume on another device.",
)
@click.option(
    "--batch-scale",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Factor for the batch sizes; the logs show the images per second.",
)
def command(
    settings_path: Path,
    folder: Path,
    checkpoint: Path,
    stop_after: int | None,
    device: str,
    batch_scale: int,
) -> None:
    """Train the demo's model on images that it draws.

    If it is stopped or killed, it resumes when it is run again. The logs in the work folder have
    the images per second of each stage.

    Example: python -m demo.train --work work-gpu -o gpu.safetensors --device cuda --batch-scale 4
    """
    results = train(
        load_settings(settings_path),
        folder,
        checkpoint,
        stop_after=stop_after,
        device=device,
        batch_scale=batch_scale,
    )
    for name, result in zip(STAGES, results, strict=False):
        click.echo(f"{name}: {result.steps_done} of {result.steps} steps{_speed(folder, name)}")
    if len(results) == len(STAGES) and results[-1].finished:
        click.echo(f"wrote {checkpoint}")


if __name__ == "__main__":
    run_command(command)
