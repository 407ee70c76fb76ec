"""The four graphs of a bundle: their modules, and the names, shapes and types of their tensors."""

from dataclasses import dataclass

import torch
from diffusers.models.embeddings import Timesteps
from torch import Tensor, nn

from diad_deploy.bundle.manifest import FusionSpec, ImageSpec, LatentsSpec, ScheduleSpec, TensorSpec
from diad_deploy.diffusion.schedule import published_alphas_cumprod
from diad_export.model.autoencoder import decode_latents, encode_moments
from diad_export.model.denoiser import DdimUpdate, DenoiserGraph, copy_with_shared_weights
from diad_export.model.diad import DiadModel
from diad_export.model.fusion import fusion_matrix, pooling_matrix
from diad_export.model.sizes import LATENTS_FACTOR, LATENTS_SCALE

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

BATCH = "batch"
EXAMPLE_BATCH = 2
"""Batch of the example inputs; torch.export would specialise a batch of 1 to a constant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A graph to export: its module, and its input and output tensors in order."""

    name: str
    module: nn.Module
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def float32_scopes(self) -> dict[str, str]:
        """Submodules of `module` that stay in float32 by design: name -> name of the class."""
        return {
            name: type(part).__name__
            for name, part in self.module.named_modules()
            if isinstance(part, FLOAT32_MODULES)
        }


def image_spec(size_px: int) -> ImageSpec:
    """Model input of `size_px` x `size_px` pixels with ImageNet's normalisation, as published."""
    return ImageSpec(size_px=size_px, mean=IMAGENET_MEAN, std=IMAGENET_STD)


def latents_spec(model: DiadModel) -> LatentsSpec:
    """Channels, downsampling factor and scale of the model's latents."""
    return LatentsSpec(
        channels=model.sizes.autoencoder.latent_channels,
        factor=LATENTS_FACTOR,
        scale=LATENTS_SCALE,
    )


class Noising(nn.Module):
    """A sample of the posterior, noised to `start_timestep`."""

    def __init__(self, start_timestep: int) -> None:
        super().__init__()
        product = float(published_alphas_cumprod()[start_timestep])
        self.signal_scale = product**0.5 * LATENTS_SCALE
        self.noise_scale = (1.0 - product) ** 0.5

    def forward(
        self, mean: Tensor, log_variance: Tensor, noise: Tensor, posterior_noise: Tensor
    ) -> Tensor:
        """Noised latents; all tensors are `[B, 4, h, w]`."""
        sampled: Tensor = mean + torch.exp(0.5 * log_variance) * posterior_noise
        noised: Tensor = self.signal_scale * sampled + self.noise_scale * noise
        return noised


class EncoderGraph(nn.Module):
    """Image -> latents noised to the first timestep of the schedule, and hint features."""

    def __init__(self, model: DiadModel, schedule: ScheduleSpec) -> None:
        super().__init__()
        self.autoencoder = copy_with_shared_weights(model.autoencoder)
        del self.autoencoder.decoder, self.autoencoder.post_quant_conv
        self.hint = model.semantic_guided.control.controlnet_cond_embedding
        self.noising = Noising(schedule.start_timestep)

    def forward(
        self, image: Tensor, noise: Tensor, posterior_noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Latents `[B, 4, h, w]` and hint `[B, C, h, w]`."""
        mean, log_variance = encode_moments(self.autoencoder, image)
        return self.noising(mean, log_variance, noise, posterior_noise), self.hint(image)


class DecoderGraph(nn.Module):
    """Latents after the last step -> reconstruction."""

    def __init__(self, model: DiadModel) -> None:
        super().__init__()
        self.autoencoder = copy_with_shared_weights(model.autoencoder)
        del self.autoencoder.encoder, self.autoencoder.quant_conv

    def forward(self, latents: Tensor) -> Tensor:
        """Reconstruction `[B, 3, S, S]`."""
        return decode_latents(self.autoencoder, latents)


class MapFusion(nn.Module):
    """Feature maps of two images -> anomaly map and image score, with constant matrices."""

    def __init__(self, image: ImageSpec, fusion: FusionSpec) -> None:
        super().__init__()
        for layer, spec in enumerate(fusion.layers):
            matrix = fusion_matrix(spec.side, image.size_px, fusion.sigma_px)
            self.register_buffer(f"spread_{layer}", torch.from_numpy(matrix).float())
        pooling = pooling_matrix(image.size_px, fusion.pool_size_px, fusion.pool_count)
        self.register_buffer("pooling", torch.from_numpy(pooling).float())
        self.pooling: Tensor

    def forward(self, left: list[Tensor], right: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Two lists of `[B, C_i, h_i, w_i]` -> `[B, S, S]` and `[B]`."""
        maps = [
            apply_to_both_axes(self.get_buffer(f"spread_{layer}"), distance(*pair))
            for layer, pair in enumerate(zip(left, right, strict=True))
        ]
        anomaly_map = torch.stack(maps).sum(dim=0)
        return anomaly_map, apply_to_both_axes(self.pooling, anomaly_map).amax(dim=(1, 2))


class ScorerGraph(nn.Module):
    """Image and reconstruction -> anomaly map and image score."""

    def __init__(self, model: DiadModel, image: ImageSpec, fusion: FusionSpec) -> None:
        super().__init__()
        self.features = model.features
        self.fusion = MapFusion(image, fusion)

    def forward(self, image: Tensor, reconstruction: Tensor) -> tuple[Tensor, Tensor]:
        """Anomaly map `[B, S, S]` and image score `[B]`."""
        scored: tuple[Tensor, Tensor] = self.fusion(
            self.features(image), self.features(reconstruction)
        )
        return scored


FLOAT32_MODULES = (Noising, DdimUpdate, Timesteps, MapFusion)
"""Modules that stay in float32 in a float16 graph. Rounding errors of the latents and of the DDIM
update would add up over the steps, the timestep's sinusoid has large arguments, and the fusion
decides the score."""


def distance(left: Tensor, right: Tensor) -> Tensor:
    """1 - cosine similarity over channels: two `[B, C, h, w]` -> `[B, h, w]`."""
    tiny = 1e-8**2
    norms = left.square().sum(dim=1).clamp_min(tiny) * right.square().sum(dim=1).clamp_min(tiny)
    return 1.0 - (left * right).sum(dim=1) / norms.sqrt()


def apply_to_both_axes(matrix: Tensor, maps: Tensor) -> Tensor:
    """`A D A^T` for each map `D` of `maps` `[B, h, h]`."""
    return matrix @ maps @ matrix.T


def make_components(
    model: DiadModel,
    *,
    image: ImageSpec,
    schedule: ScheduleSpec,
    fusion: FusionSpec,
    only_mid_control: bool,
) -> tuple[Component, ...]:
    """The four graphs of `model` in the order in which they run; they share its weights."""
    spec = latents_spec(model)
    side = image.size_px // spec.factor
    image_shape = (BATCH, 3, image.size_px, image.size_px)
    latent = (BATCH, spec.channels, side, side)
    hint = (BATCH, model.sizes.unet.channels[0], side, side)
    anomaly_map = (BATCH, image.size_px, image.size_px)
    return (
        Component(
            name="encoder",
            module=EncoderGraph(model, schedule),
            inputs=_floats(image=image_shape, noise=latent, posterior_noise=latent),
            outputs=_floats(latents=latent, hint=hint),
        ),
        Component(
            name="denoiser",
            module=DenoiserGraph(model, only_mid_control=only_mid_control),
            inputs=_floats(
                latents=latent, hint=hint, timestep=(1,), latents_scale=(1,), noise_scale=(1,)
            ),
            outputs=_floats(next_latents=latent),
        ),
        Component(
            name="decoder",
            module=DecoderGraph(model),
            inputs=_floats(latents=latent),
            outputs=_floats(reconstruction=image_shape),
        ),
        Component(
            name="scorer",
            module=ScorerGraph(model, image, fusion),
            inputs=_floats(image=image_shape, reconstruction=image_shape),
            outputs=_floats(anomaly_map=anomaly_map, image_score=(BATCH,)),
        ),
    )


def example_inputs(component: Component, *, batch: int, seed: int = 0) -> tuple[Tensor, ...]:
    """Random inputs of the component's shapes; timesteps are whole numbers."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for spec in component.inputs:
        shape = [batch if size == BATCH else int(size) for size in spec.shape]
        value = torch.randn(shape, generator=generator)
        made.append(value.abs().mul(300.0).ceil() if spec.name == "timestep" else value)
    return tuple(made)


def _floats(**shapes: tuple[int | str, ...]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name=name, dtype="float32", shape=shape) for name, shape in shapes.items()
    )
