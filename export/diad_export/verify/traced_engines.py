"""Runs a model on a GPU, and returns the tensors of its stages."""

from typing import Any

import numpy as np

from diad_deploy.arrays import FloatArray
from diad_deploy.backends.cuda.model import CudaModel
from diad_deploy.backends.cuda.tensors import DeviceTensor
from diad_deploy.diffusion import pipeline
from diad_deploy.diffusion.schedule import DdimStep

Tensors = dict[str, FloatArray]


class TracedEngines:
    """A bundle on a GPU: latents of a run stage by stage, outputs of the captured CUDA graph.

    A fault in the captured graph shows in the outputs, even if the stages are correct.
    """

    caution: str | None = None

    def __init__(self, model: CudaModel, backend: str, steps: tuple[DdimStep, ...]) -> None:
        self._model, self.backend, self._steps = model, backend, steps

    def run(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Tensors:
        """See `traced_bundle.TracedBundle`."""
        largest = self._model.largest_batch
        parts = [
            self._run_stages(*(array[first : first + largest] for array in arrays))
            for first in range(0, len(image), largest)
            for arrays in [(image, noise, posterior_noise)]
        ]
        tensors = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        result = self._model.submit(image, noise, posterior_noise)()
        return tensors | {
            "reconstruction": result.reconstruction.copy(),
            "anomaly_map": result.anomaly_map.copy(),
            "image_score": result.image_score.copy(),
        }

    def _run_stages(
        self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray
    ) -> Tensors:
        """The tensors of a part of the batch, without the images that pad it."""
        tensors: Tensors = {}

        def observe(name: str, tensor: DeviceTensor) -> None:
            tensors[name] = self._model.download(tensor)[: len(image)]

        def order(stages: Any, image: Any, noise: Any, posterior_noise: Any, /) -> Any:
            return pipeline.run(stages, image, noise, posterior_noise, self._steps, observe=observe)

        self._model.run_unrecorded(order, image, noise, posterior_noise)
        return tensors
