"""The order of the stages and the few-step loop, written once for every backend."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from diad_deploy.diffusion.schedule import DdimStep
from diad_deploy.diffusion.stages import Order, Stages

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PipelineResult(Generic[T]):
    """What one run gives, as tensors of the backend.

    Attributes:
        anomaly_map: `[B, S, S]`.
        image_score: `[B]`.
        reconstruction: `[B, 3, S, S]`, normalised as the input is.
        latents: `[B, C, h, w]` after the last step.
    """

    anomaly_map: T
    image_score: T
    reconstruction: T
    latents: T


def run(
    stages: Stages[T],
    image: T,
    noise: T,
    posterior_noise: T,
    steps: Sequence[DdimStep],
    *,
    observe: Callable[[str, T], None] | None = None,
) -> PipelineResult[T]:
    """Encode, denoise over `steps` in their order, decode, score.

    Args:
        stages: the backend's four graphs.
        image: `[B, 3, S, S]`, normalised.
        noise: `[B, C, h, w]`, mixed into the latents.
        posterior_noise: `[B, C, h, w]`, draws from the autoencoder's posterior; 0 is its mode.
        steps: DDIM steps in running order (largest timestep first).
        observe: called with each stage's name and tensor as it comes: `hint`, `latents_0` after
            encoding, `latents_1` to `latents_N` after each step, `reconstruction`,
            `anomaly_map`, `image_score`. A backend may reuse the tensor's memory afterwards.
    """
    see = observe or _ignore
    latents, hint = stages.encode(image, noise, posterior_noise)
    see("hint", hint)
    see("latents_0", latents)
    for number, step in enumerate(steps, start=1):
        latents = stages.denoise(latents, hint, step)
        see(f"latents_{number}", latents)
    reconstruction = stages.decode(latents)
    see("reconstruction", reconstruction)
    anomaly_map, image_score = stages.score(image, reconstruction)
    see("anomaly_map", anomaly_map)
    see("image_score", image_score)
    return PipelineResult(
        anomaly_map=anomaly_map,
        image_score=image_score,
        reconstruction=reconstruction,
        latents=latents,
    )


def in_order(steps: Sequence[DdimStep]) -> Order:
    """`run` with these steps, for a model that calls it itself (and may record what it does)."""

    def order(stages: Stages[T], image: T, noise: T, posterior_noise: T, /) -> PipelineResult[T]:
        return run(stages, image, noise, posterior_noise, steps)

    return order


def _ignore(name: str, tensor: object) -> None:
    """Nobody looks."""
