"""Trains the extractor again: it has to recognise cells in the model's reconstructions of images.

Differences that the autoencoder and the diffusion cause in good images then weigh less than real
ones. The stage sees no defects: its images are good products and generic ones.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from demo.learning.array_cache import cached_array
from demo.learning.stages import (
    Images,
    ImageSource,
    cell_contrastive_loss,
    mixed_precision,
    normal,
    random_rotation,
)
from diad_deploy.bundle.manifest import ScheduleSpec
from diad_deploy.diffusion.schedule import ddim_steps, published_alphas_cumprod
from diad_export.model.autoencoder import decode_latents, encode_moments
from diad_export.model.diad import DiadModel
from diad_export.model.sizes import LATENTS_SCALE

IMAGES = 1200
BATCH = 30


class HardeningStage:
    """Dense instance discrimination between images and the model's reconstructions of them."""

    name = "hardening"

    def __init__(
        self, model: DiadModel, source: ImageSource, pairs: list[tuple[Images, Images]]
    ) -> None:
        """`pairs`: images and reconstructions, each uint8 `[N, S, S, 3]`."""
        self.module, self.source, self.pairs = model.features.requires_grad_(True), source, pairs

    def loss(self, batch: int, progress: float, generator: torch.Generator) -> Tensor:
        """Mean cross-entropy over the scales."""
        del progress
        images, views = self._batch(batch // len(self.pairs), generator)
        with mixed_precision(images.device):
            left, right = self.module(images), self.module(random_light(views, generator))
        losses = [
            cell_contrastive_loss(
                a.float(), b.float(), generator, cell_statistics(images, a.shape[-1])
            )
            for a, b in zip(left, right, strict=True)
        ]
        return torch.stack(losses).mean()

    def _batch(self, each: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        drawn = []
        for stored, views in self.pairs:
            picked = torch.randint(len(stored), (each,), generator=generator).numpy()
            drawn.append(np.concatenate([stored[picked], views[picked]], axis=-1))
        both = torch.from_numpy(np.concatenate(drawn)).permute(0, 3, 1, 2)
        images, views = random_rotation(both, generator).split(3, dim=1)
        return tuple(self.source.normalise(part.permute(0, 2, 3, 1)) for part in (images, views))


def cell_statistics(images: Tensor, cells: int) -> Tensor:
    """Mean and deviation of each channel by cell: `[B, 3, S, S]` -> `[B, 6, cells, cells]`."""
    mean = adaptive_avg_pool2d(images, cells)
    square = adaptive_avg_pool2d(images.square(), cells)
    return torch.cat([mean, (square - mean.square()).clamp(min=0).sqrt()], dim=1)


def random_light(images: Tensor, generator: torch.Generator) -> Tensor:
    """Change brightness, tint and direction of light of each image a little."""
    count, _, height, width = images.shape
    device = images.device
    gain = 1.0 + 0.1 * (2 * torch.rand((count, 1, 1, 1), generator=generator).to(device) - 1)
    tint = 0.06 * torch.randn((count, 3, 1, 1), generator=generator).to(device)
    slope = 0.08 * torch.randn((count, 2, 1, 1), generator=generator).to(device)
    across = torch.linspace(-1, 1, width).to(device).view(1, 1, 1, -1)
    down = torch.linspace(-1, 1, height).to(device).view(1, 1, -1, 1)
    offset = 0.12 * torch.randn((count, 1, 1, 1), generator=generator).to(device)
    return gain * images + tint + offset + slope[:, :1] * across + slope[:, 1:] * down


@torch.no_grad()
def reconstruction_pairs(
    model: DiadModel,
    source: ImageSource,
    schedule: ScheduleSpec,
    seed: int,
    folder: Path,
) -> list[tuple[Images, Images]]:
    """Images and their reconstructions, for the two arrays of `source`: products, generic images.

    Products are reconstructed by the whole model, generic images by the autoencoder alone. The
    reconstructions are cached in `folder`.
    """
    products, generic = (evenly_spaced(array, IMAGES) for array in source.arrays)
    generator = torch.Generator().manual_seed(seed)

    def reconstruct_all() -> Images:
        parts = [
            reconstruct(model, source.normalise(torch.from_numpy(batch)), schedule, generator)
            for batch in np.array_split(products, len(products) // BATCH + 1)
        ]
        parts += [
            decode_latents(model.autoencoder, encode(model, source.normalise(torch.tensor(batch))))
            for batch in np.array_split(generic, len(generic) // BATCH + 1)
        ]
        return source.as_images(torch.cat(parts))

    views = cached_array(folder / "reconstructions.npy", reconstruct_all)
    return [(products, views[: len(products)]), (generic, views[len(products) :])]


def evenly_spaced(array: Images, count: int) -> Images:
    """About `count` images, evenly spaced in the array."""
    return np.ascontiguousarray(array[:: max(1, len(array) // count)])


@torch.no_grad()
def encode(model: DiadModel, images: Tensor) -> Tensor:
    """Scaled posterior means of the latents."""
    return LATENTS_SCALE * encode_moments(model.autoencoder, images)[0]


@torch.no_grad()
def reconstruct(
    model: DiadModel, images: Tensor, schedule: ScheduleSpec, generator: torch.Generator
) -> Tensor:
    """Reconstructions of normalised images `[B, 3, S, S]`, each with its own noise."""
    latents = encode(model, images)
    noise = normal(latents.shape, generator, latents.device)
    product = float(published_alphas_cumprod()[schedule.start_timestep])
    latents = product**0.5 * latents + (1 - product) ** 0.5 * noise
    hint = model.semantic_guided.hint_features(images)
    for step in ddim_steps(schedule):
        times = torch.full((len(images),), step.timestep, device=images.device)
        control = model.control_outputs(latents, hint, times)
        predicted = model.predict_noise(latents, times, control, only_mid_control=True)
        latents = step.latents_scale * latents + step.noise_scale * predicted
    return decode_latents(model.autoencoder, latents)
