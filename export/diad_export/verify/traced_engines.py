"""A model on a GPU, run so that every stage and step is seen, and as they run in use."""

from typing import Any

import numpy as np

from diad_deploy.arrays import FloatArray
from diad_deploy.backends import CudaModel, DeviceTensor
from diad_deploy.diffusion import pipeline
from diad_deploy.diffusion.schedule import DdimStep

Tensors = dict[str, FloatArray]


class TracedEngines:
    """A bundle on a GPU: latents from a run stage by stage, outputs from the recorded graph.

    So a fault of the recording shows in the outputs though the steps are right.
    """

    caution: str | None = None

    def __init__(self, model: CudaModel, backend: str, steps: tuple[DdimStep, ...]) -> None:
        self._model, self.backend, self._steps = model, backend, steps

    def run(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Tensors:
        """See `observed_bundle.TracedBundle`."""
        largest = self._model.largest_batch
        parts = [
            self._watch(*(array[first : first + largest] for array in arrays))
            for first in range(0, len(image), largest)
            for arrays in [(image, noise, posterior_noise)]
        ]
        seen = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        result = self._model.submit(image, noise, posterior_noise)()
        return seen | {
            "reconstruction": result.reconstruction.copy(),
            "anomaly_map": result.anomaly_map.copy(),
            "image_score": result.image_score.copy(),
        }

    def _watch(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Tensors:
        """One part, stage by stage; without the images that only fill it."""
        seen: Tensors = {}

        def observe(name: str, tensor: DeviceTensor) -> None:
            seen[name] = self._model.download(tensor)[: len(image)]

        def traced(stages: Any, image: Any, noise: Any, posterior_noise: Any, /) -> Any:
            return pipeline.run(stages, image, noise, posterior_noise, self._steps, observe=observe)

        self._model.run_eagerly(traced, image, noise, posterior_noise)
        return seen
