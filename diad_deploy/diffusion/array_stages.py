"""The four stages on NumPy arrays, for any inference library."""

from abc import ABC, abstractmethod

import numpy as np

from diad_deploy.arrays import FloatArray
from diad_deploy.diffusion.schedule import DdimStep


class ArrayStages(ABC):
    """Stages that each run the graph of their name."""

    def encode(
        self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return latents `[B, C, h, w]` and hint `[B, C', h, w]`."""
        latents, hint = self._run("encoder", image, noise, posterior_noise)
        return latents, hint

    def denoise(self, latents: FloatArray, hint: FloatArray, step: DdimStep) -> FloatArray:
        """Return the next latents `[B, C, h, w]`."""
        scalars = (step.timestep, step.latents_scale, step.noise_scale)
        numbers = (np.array([value], dtype=np.float32) for value in scalars)
        (latents,) = self._run("denoiser", latents, hint, *numbers)
        return latents

    def decode(self, latents: FloatArray) -> FloatArray:
        """Return the reconstruction `[B, 3, S, S]`."""
        (reconstruction,) = self._run("decoder", latents)
        return reconstruction

    def score(self, image: FloatArray, reconstruction: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the anomaly map `[B, S, S]` and image score `[B]`."""
        anomaly_map, image_score = self._run("scorer", image, reconstruction)
        return anomaly_map, image_score

    @abstractmethod
    def _run(self, name: str, *values: FloatArray) -> list[FloatArray]:
        """Run graph `name`; inputs and outputs are in the order of `GRAPH_TENSORS`."""
