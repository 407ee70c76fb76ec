"""The computation of the exported graphs in PyTorch, optimized by hand for one device.

It omits what the graphs omit, such as guidance and the text model. The networks run in one
precision; latents, updates, distances and maps are float32, as in the float16 graphs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers.models.embeddings import Timesteps
from torch import Tensor, nn

from diad_deploy.bundle.manifest import Manifest
from diad_deploy.diffusion.schedule import ddim_steps
from diad_export.model.autoencoder import decode_latents, encode_moments
from diad_export.model.diad import DiadModel
from diad_export.onnx.components import make_components

Stage = Callable[..., tuple[Tensor, ...]]


class LeanPass:
    """Image to map and score without synchronizing, so that it can be captured in a CUDA graph.

    The weights of `model` are converted to `dtype` and moved in place.
    """

    def __init__(
        self, model: DiadModel, manifest: Manifest, *, device: str, dtype: torch.dtype
    ) -> None:
        components = make_components(
            model,
            image=manifest.image,
            schedule=manifest.schedule,
            fusion=manifest.fusion,
            only_mid_control=manifest.only_mid_control,
        )
        self._dtype = dtype
        self._modules: dict[str, Any] = {each.name: each.module.eval() for each in components}
        self._convert_sinusoids()
        # everything after the features stays in float32
        networks = [self._modules[name] for name in ("encoder", "denoiser", "decoder")]
        for network in (*networks, self._modules["scorer"].features):
            network.to(device=device, dtype=dtype)
        self._modules["scorer"].to(device=device)
        self._steps = _scalars(manifest, device)
        self._stages: dict[str, Stage] = {
            "encode": self._encode,
            "denoise": self._denoise,
            "decode": self._decode,
            "score": self._score,
        }

    def compile(self) -> None:
        """Compile each stage with `torch.compile`, once per batch size."""
        self._stages = {
            name: torch.compile(stage, dynamic=False) for name, stage in self._stages.items()
        }

    def lay_out(self, memory_format: torch.memory_format) -> None:
        """Store the convolutions' weights in this memory format, by which cuDNN chooses kernels."""
        for module in self._modules.values():
            for part in module.modules():
                if isinstance(part, nn.Conv2d):
                    part.to(memory_format=memory_format)

    @torch.no_grad()
    def run(self, image: Tensor, noise: Tensor, posterior_noise: Tensor) -> tuple[Tensor, Tensor]:
        """Image `[B, 3, S, S]`, two noises `[B, C, h, w]` -> map `[B, S, S]` and score `[B]`.

        All in float32.
        """
        latents, hint = self._stages["encode"](image, noise, posterior_noise)
        for step in self._steps:
            (latents,) = self._stages["denoise"](latents, hint, *step)
        (reconstruction,) = self._stages["decode"](latents)
        anomaly_map, score = self._stages["score"](image, reconstruction)
        return anomaly_map, score

    def _convert_sinusoids(self) -> None:
        denoiser = self._modules["denoiser"]
        for network in (denoiser.unet, denoiser.semantic_guided.control):
            if isinstance(network.time_proj, Timesteps):
                network.time_proj = nn.Sequential(network.time_proj, _Converted(self._dtype))

    def _encode(self, image: Tensor, noise: Tensor, posterior_noise: Tensor) -> tuple[Tensor, ...]:
        encoder = self._modules["encoder"]
        rounded = image.to(self._dtype)
        mean, log_variance = encode_moments(encoder.autoencoder, rounded)
        latents = encoder.noising(mean.float(), log_variance.float(), noise, posterior_noise)
        return latents, encoder.hint(rounded)

    def _denoise(
        self,
        latents: Tensor,
        hint: Tensor,
        timestep: Tensor,
        latents_scale: Tensor,
        noise_scale: Tensor,
    ) -> tuple[Tensor, ...]:
        denoiser = self._modules["denoiser"]
        noise = denoiser.predict_noise(latents.to(self._dtype), hint, timestep)
        return (denoiser.update(latents, noise.float(), latents_scale, noise_scale),)

    def _decode(self, latents: Tensor) -> tuple[Tensor, ...]:
        decoder = self._modules["decoder"]
        return (decode_latents(decoder.autoencoder, latents.to(self._dtype)),)

    def _score(self, image: Tensor, reconstruction: Tensor) -> tuple[Tensor, ...]:
        scorer = self._modules["scorer"]
        both = [
            [features.float() for features in scorer.features(pixels.to(self._dtype))]
            for pixels in (image, reconstruction)
        ]
        found: tuple[Tensor, Tensor] = scorer.fusion(*both)
        return found


class _Converted(nn.Module):
    """The timestep's sinusoid, computed in float32, converted to the type of the next layers."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self._dtype = dtype

    def forward(self, sinusoid: Tensor) -> Tensor:
        """`[1, C]`."""
        return sinusoid.to(self._dtype)


def _scalars(manifest: Manifest, device: str) -> Sequence[tuple[Tensor, Tensor, Tensor]]:
    """Each step's timestep and two scales, `[1]` each: numbers would be compiled for each value."""
    return [
        (
            torch.tensor([float(step.timestep)], device=device),
            torch.tensor([step.latents_scale], device=device),
            torch.tensor([step.noise_scale], device=device),
        )
        for step in ddim_steps(manifest.schedule)
    ]
