"""`python -m demo.choose`: compares steps, spacings, smoothings and poolings on validation images.

It prints a table, best first, from which the values in `settings.toml` are chosen by hand. The test
split is not used, and the validation split has none of the held-out kinds of defect.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
import torch
from torch import nn

from demo.drawing.dataset import Sample, draw_split
from demo.evaluate import Model
from demo.metrics import Scored, by_class, mean_over_classes
from demo.settings import load_settings
from demo.train import DEFAULT_CHECKPOINT
from diad_deploy.arrays import FloatArray
from diad_deploy.bundle.folder import Bundle, builtin_bundle
from diad_deploy.bundle.manifest import Spacing
from diad_deploy.cli.console import run_command
from diad_deploy.diffusion import pipeline
from diad_deploy.diffusion.schedule import ddim_steps, make_schedule
from diad_deploy.images.preprocess import prepare_batch
from diad_export.checkpoint.read import read_checkpoint
from diad_export.checkpoint.weights import load_model
from diad_export.model.features import distance_maps
from diad_export.model.fusion import fusion_matrix, pooling_matrix

SIGMAS_PX = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
POOLS = ((1, 0), (4, 2), (4, 4), (4, 8), (8, 2), (8, 4))
SCHEDULES: tuple[tuple[int, Spacing], ...] = (
    (10, "leading"),
    (5, "leading"),
    (20, "trailing"),
    (10, "trailing"),
    (5, "trailing"),
)
SHOWN = 20
BATCH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A combination of settings, and its AUROC on the validation split."""

    schedule: tuple[int, Spacing]
    sigma_px: float
    pool_size_px: int
    pool_count: int
    image_auroc: float
    pixel_auroc: float


def validation_distances(
    model: Model, features: nn.Module, samples: Sequence[Sample], schedule: tuple[int, Spacing]
) -> list[list[FloatArray]]:
    """The distance maps `[h_i, w_i]` of every sample, with this number and spacing of steps."""
    steps = ddim_steps(make_schedule(*schedule))
    found: list[list[FloatArray]] = []
    for start in range(0, len(samples), BATCH):
        images = [sample.image for sample in samples[start : start + BATCH]]
        batch = prepare_batch(images, model.bundle.manifest.image)
        noise, posterior_noise = model.batch_noise(len(batch))
        result = pipeline.run(model.stages, batch, noise, posterior_noise, steps)
        with torch.inference_mode():
            maps = distance_maps(
                features, torch.from_numpy(batch), torch.from_numpy(result.reconstruction)
            )
        found += [[m[place, 0].numpy() for m in maps] for place in range(len(batch))]
    return found


def compare(
    samples: Sequence[Sample],
    distances: list[list[FloatArray]],
    size_px: int,
    schedule: tuple[int, Spacing],
) -> Iterator[Choice]:
    """Evaluate each combination of smoothing and pooling on these distance maps."""
    for sigma_px in SIGMAS_PX:
        scored = [
            score_by_matrices(sample, maps, size_px, sigma_px)
            for sample, maps in zip(samples, distances, strict=True)
        ]
        for size, count in POOLS:
            pooling = pooling_matrix(size_px, size, count)
            pooled = [
                replace(s, score=float((pooling @ s.anomaly_map @ pooling.T).max())) for s in scored
            ]
            mean = mean_over_classes(by_class(pooled))
            yield Choice(
                schedule=schedule, sigma_px=sigma_px, pool_size_px=size, pool_count=count, **mean
            )


def score_by_matrices(
    sample: Sample, maps: list[FloatArray], size_px: int, sigma_px: float
) -> Scored:
    """The sample with its anomaly map; its score is still 0."""
    total = np.zeros((size_px, size_px))
    for distance in maps:
        matrix = fusion_matrix(len(distance), size_px, sigma_px)
        total += matrix @ distance @ matrix.T
    return Scored(
        product=sample.product,
        defect=sample.defect,
        mask=sample.mask,
        anomaly_map=total.astype(np.float32),
        score=0.0,
    )


def heatmap_scale(scored: Sequence[Scored]) -> tuple[float, float]:
    """The 90th percentiles of the pixels of good images and of defective pixels."""
    good = np.concatenate([s.anomaly_map.ravel() for s in scored if s.defect is None])
    bad = np.concatenate([s.anomaly_map[s.mask] for s in scored if s.defect is not None])
    return float(np.percentile(good, 90)), float(np.percentile(bad, 90))


@click.command()
@click.option(
    "--bundle",
    "bundle_path",
    type=click.Path(path_type=Path),
    help="The bundle [default: the built-in one].",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    default=DEFAULT_CHECKPOINT,
    show_default="demo/checkpoint.safetensors",
    help="What the bundle was built from.",
)
def command(bundle_path: Path | None, checkpoint: Path) -> None:
    """Compare steps, spacings, smoothings and poolings on the validation split.

    Example: python -m demo.choose
    """
    model = Model(Bundle.open(bundle_path or builtin_bundle()))
    features = load_model(read_checkpoint(checkpoint)).features
    size_px = model.bundle.manifest.image.size_px
    count = load_settings().data.validation_per_product
    samples = list(draw_split("validation", per_product=count, size_px=size_px))
    distances = {
        schedule: validation_distances(model, features, samples, schedule) for schedule in SCHEDULES
    }
    choices = [
        choice
        for schedule, found in distances.items()
        for choice in compare(samples, found, size_px, schedule)
    ]
    choices.sort(key=lambda c: c.image_auroc + c.pixel_auroc, reverse=True)
    click.echo("steps  spacing   sigma  pool  count  image AUROC  pixel AUROC")
    for choice in choices[:SHOWN]:
        steps, spacing = choice.schedule
        click.echo(
            f"{steps:>5}  {spacing:<8}{choice.sigma_px:>7}{choice.pool_size_px:>6}"
            f"{choice.pool_count:>7}{choice.image_auroc:>13.3f}{choice.pixel_auroc:>13.3f}"
        )
    best = choices[0]
    scored = [
        score_by_matrices(sample, maps, size_px, best.sigma_px)
        for sample, maps in zip(samples, distances[best.schedule], strict=True)
    ]
    low, high = heatmap_scale(scored)
    click.echo(f"heatmap scale of the first row: {low:.2f} to {high:.2f}")


if __name__ == "__main__":
    run_command(command)
