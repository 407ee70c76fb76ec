"""Range checks of a manifest's numbers: a wrong one would give wrong scores without an error."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diad_deploy.bundle.engine_spec import EngineSpec
    from diad_deploy.bundle.manifest import ImageSpec, LatentsSpec, Manifest, ScheduleSpec

MAX_PX = 2**16
"""Limit of an image's side and of the latent channels; more than any model has."""

LARGEST_FLOAT32 = 3.4028234663852886e38
"""Heatmaps are scaled in float32."""

MAX_TIMESTEPS = 10_000
"""Limit of training timesteps; the published model has 1000."""


def number_faults(manifest: Manifest) -> Iterator[str]:
    """A message for each number out of range: field, expected and found."""
    yield from _image(manifest.image, manifest.latents)
    yield from _latents(manifest.latents)
    yield from _schedule(manifest.schedule)
    if not 0 < manifest.heatmap.high - manifest.heatmap.low <= LARGEST_FLOAT32:
        yield (
            f"heatmap: expected low below high, with a difference finite in float32, found "
            f"{manifest.heatmap.low} and {manifest.heatmap.high}"
        )
    for engine in manifest.engines:
        yield from _engine(engine)


def _image(image: ImageSpec, latents: LatentsSpec) -> Iterator[str]:
    if not 1 <= image.size_px <= MAX_PX or latents.factor < 1 or image.size_px % latents.factor:
        yield (
            f"image.size_px: expected a positive multiple of latents.factor "
            f"({latents.factor}), at most {MAX_PX}, found {image.size_px}"
        )
    if not all(0 <= value <= 1 for value in image.mean):
        yield f"image.mean: expected numbers from 0 to 1, found {list(image.mean)}"
    if not all(0 < value <= 1 for value in image.std):
        yield f"image.std: expected positive numbers up to 1, found {list(image.std)}"


def _latents(latents: LatentsSpec) -> Iterator[str]:
    if not 1 <= latents.channels <= MAX_PX:
        yield f"latents.channels: expected 1 to {MAX_PX}, found {latents.channels}"
    # the published one is 0.18215
    if not 1e-6 <= latents.scale <= 1e6:
        yield f"latents.scale: expected a number from 1e-6 to 1e6, found {latents.scale}"


def _schedule(schedule: ScheduleSpec) -> Iterator[str]:
    lengths = [len(schedule.timesteps), len(schedule.alphas), len(schedule.alphas_prev)]
    if schedule.steps < 1 or lengths != [schedule.steps] * 3:
        yield (
            f"schedule: expected {max(schedule.steps, 1)} timesteps, alphas and alphas_prev, "
            f"found {', '.join(map(str, lengths))}"
        )
    if not 1 <= schedule.train_timesteps <= MAX_TIMESTEPS:
        yield (
            f"schedule.train_timesteps: expected 1 to {MAX_TIMESTEPS}, found "
            f"{schedule.train_timesteps}"
        )
    last = schedule.train_timesteps - 1
    outside = [t for t in (*schedule.timesteps, schedule.start_timestep) if not 0 <= t <= last]
    if outside:
        yield f"schedule.timesteps, start_timestep: expected 0 to {last}, found {outside[0]}"
    if not all(this > following for this, following in pairwise(schedule.timesteps)):
        yield f"schedule.timesteps: expected decreasing numbers, found {list(schedule.timesteps)}"
    if not all(0 < alpha <= 1 for alpha in schedule.alphas + schedule.alphas_prev):
        yield "schedule.alphas, schedule.alphas_prev: expected numbers above 0 and up to 1"
    if not all(this < following for this, following in pairwise(schedule.alphas)):
        yield f"schedule.alphas: expected increasing numbers, found {list(schedule.alphas)}"
    if schedule.alphas_prev[:-1] != schedule.alphas[1:]:
        yield "schedule.alphas_prev: expected schedule.alphas shifted by one step"
    if not 0 < schedule.beta_start <= schedule.beta_end < 1:
        yield (
            f"schedule: expected 0 < beta_start <= beta_end < 1, found {schedule.beta_start} and "
            f"{schedule.beta_end}"
        )


def _engine(engine: EngineSpec) -> Iterator[str]:
    profile = engine.profile
    if not 1 <= profile.smallest <= profile.tuned <= profile.largest:
        yield (
            f"engine {engine.target} {engine.graph}: expected 1 <= smallest <= tuned <= largest "
            f"batch size, found {profile.smallest}, {profile.tuned}, {profile.largest}"
        )
