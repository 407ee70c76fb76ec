"""The diffusion pipeline, written once for all backends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from diad_deploy.diffusion.schedule import DdimStep
from diad_deploy.diffusion.stages import Pipeline, Stages

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PipelineResult(Generic[T]):
    """The outputs of a run, as tensors of the backend.

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
        posterior_noise: `[B, C, h, w]`, selects the sample of the autoencoder's posterior; 0 is
            its mode.
        steps: DDIM steps in the order of the loop (largest timestep first).
        observe: called with the name of each intermediate tensor and the tensor: `hint`,
            `latents_0` after encoding, `latents_1` to `latents_N` after each step,
            `reconstruction`, `anomaly_map`, `image_score`. The backend may reuse the tensor's
            memory afterwards.
    """
    notify = observe or _ignore
    latents, hint = stages.encode(image, noise, posterior_noise)
    notify("hint", hint)
    notify("latents_0", latents)
    for number, step in enumerate(steps, start=1):
        latents = stages.denoise(latents, hint, step)
        notify(f"latents_{number}", latents)
    reconstruction = stages.decode(latents)
    notify("reconstruction", reconstruction)
    anomaly_map, image_score = stages.score(image, reconstruction)
    notify("anomaly_map", anomaly_map)
    notify("image_score", image_score)
    return PipelineResult(
        anomaly_map=anomaly_map,
        image_score=image_score,
        reconstruction=reconstruction,
        latents=latents,
    )


def make_pipeline(steps: Sequence[DdimStep]) -> Pipeline:
    """`run` with these steps, for a model that calls it (and may capture it in a CUDA graph)."""

    def pipeline(stages: Stages[T], image: T, noise: T, posterior_noise: T, /) -> PipelineResult[T]:
        return run(stages, image, noise, posterior_noise, steps)

    return pipeline


def _ignore(name: str, tensor: object) -> None:
    """The default observer."""
