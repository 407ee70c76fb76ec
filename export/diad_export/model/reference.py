"""The PyTorch reference: the published pipeline, step by step.

It includes all that the exported graphs leave out, so that tests can show that leaving it out
changes nothing. Stages are named as in the recorded golden values.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from diad_deploy.bundle.manifest import ScheduleSpec
from diad_deploy.diffusion.schedule import published_alphas_cumprod
from diad_export.model.autoencoder import decode_latents, encode_moments
from diad_export.model.diad import DiadModel
from diad_export.model.features import distance_maps
from diad_export.model.fusion import pooled_maximum, resize_sum, smooth
from diad_export.model.sizes import LATENTS_SCALE

Observe = Callable[[str, Tensor], None]

PUBLISHED_GUIDANCE_SCALE = 9.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceOptions:
    """Settings of the reference.

    Attributes:
        schedule: the DDIM steps.
        only_mid_control: see `diad_export.model.unet.predict_noise`.
        guidance_scale: None runs without guidance. The published 9 doubles the work and changes
            nothing, as both sides have the same prompt.
        sigma_px: smoothing of the anomaly map.
        pool_size_px, pool_count: average pools of the image score.
    """

    schedule: ScheduleSpec
    only_mid_control: bool = True
    guidance_scale: float | None = None
    sigma_px: float = 5.0
    pool_size_px: int = 8
    pool_count: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceResult:
    """The anomaly map `[B, S, S]`, image score `[B]` and reconstruction `[B, 3, S, S]`."""

    anomaly_map: Tensor
    image_score: Tensor
    reconstruction: Tensor


@torch.no_grad()
def run_reference(
    model: DiadModel,
    image: Tensor,
    noise: Tensor,
    posterior_noise: Tensor,
    options: ReferenceOptions,
    *,
    observe: Observe = lambda name, value: None,
) -> ReferenceResult:
    """Run the published pipeline on normalised images `[B, 3, S, S]`.

    Args:
        noise: of the diffusion, `[B, 4, S/8, S/8]`.
        posterior_noise: the same shape; zeros take the mode of the posterior.
        observe: called with the name and value of every stage.
    """
    latents = encode(model, image, noise, posterior_noise, options, observe)
    latents = denoise(model, image, latents, options, observe)
    reconstruction = decode_latents(model.autoencoder, latents)
    observe("reconstruction", reconstruction)
    distances = distance_maps(model.features, image, reconstruction)
    for layer, distance in enumerate(distances, start=1):
        observe(f"distance_layer{layer}", distance.squeeze(1))
    raw_map = resize_sum(distances, image.shape[-1])
    observe("anomaly_map_raw", raw_map)
    anomaly_map = smooth(raw_map, options.sigma_px)
    observe("anomaly_map", anomaly_map)
    image_score = pooled_maximum(anomaly_map, options.pool_size_px, options.pool_count)
    observe("image_score", image_score)
    return ReferenceResult(
        anomaly_map=anomaly_map, image_score=image_score, reconstruction=reconstruction
    )


def encode(
    model: DiadModel,
    image: Tensor,
    noise: Tensor,
    posterior_noise: Tensor,
    options: ReferenceOptions,
    observe: Observe,
) -> Tensor:
    """The latents of the images, noised to the first timestep of the schedule."""
    mean, log_variance = encode_moments(model.autoencoder, image)
    observe("posterior_mean", mean)
    observe("posterior_logvar", log_variance)
    encoded = LATENTS_SCALE * (mean + torch.exp(log_variance / 2) * posterior_noise)
    observe("latents_encoded", encoded)
    product = float(published_alphas_cumprod()[options.schedule.start_timestep])
    start: Tensor = product**0.5 * encoded + (1 - product) ** 0.5 * noise
    observe("latents_start", start)
    return start


def denoise(
    model: DiadModel, image: Tensor, latents: Tensor, options: ReferenceOptions, observe: Observe
) -> Tensor:
    """The DDIM loop with eta 0: `p_sample_ddim` of the published sampler."""
    schedule = options.schedule
    steps = zip(schedule.timesteps, schedule.alphas, schedule.alphas_prev, strict=True)
    for index, (timestep, alpha, alpha_prev) in enumerate(steps):
        observe(f"step{index}_latents", latents)
        predicted = _guided_noise(model, image, latents, timestep, options, observe, index)
        observe(f"step{index}_eps", predicted)
        clean = (latents - (1 - alpha) ** 0.5 * predicted) / alpha**0.5
        latents = alpha_prev**0.5 * clean + (1 - alpha_prev) ** 0.5 * predicted
    observe("latents_final", latents)
    return latents


def _guided_noise(
    model: DiadModel,
    image: Tensor,
    latents: Tensor,
    timestep: int,
    options: ReferenceOptions,
    observe: Observe,
    index: int,
) -> Tensor:
    times = torch.full((latents.shape[0],), timestep, device=latents.device)

    def conditioned() -> Tensor:
        hint = model.semantic_guided.hint_features(image)
        control = model.control_outputs(latents, hint, times)
        if index == 0:
            observe("step0_control_rms", torch.stack([c.square().mean().sqrt() for c in control]))
            observe("step0_control_9", control[-4])
            observe("step0_control_mid", control[-1])
        return model.predict_noise(
            latents, times, control, only_mid_control=options.only_mid_control
        )

    if options.guidance_scale is None:
        return conditioned()
    with_prompt, without = conditioned(), conditioned()
    return without + options.guidance_scale * (with_prompt - without)
