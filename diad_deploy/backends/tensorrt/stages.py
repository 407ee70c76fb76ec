"""The four graphs as TensorRT executions on a CUDA stream, without waiting for the GPU."""

from typing import Any

from diad_deploy.backends.cuda.tensors import DeviceTensor, DeviceTensors, StepScalars
from diad_deploy.backends.tensorrt.api import IExecutionContext, last_error, translate_errors
from diad_deploy.backends.tensorrt.engines import Engines, check_capturable, make_context
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.diffusion.schedule import DdimStep
from diad_deploy.diffusion.stages import GRAPH_TENSORS
from diad_deploy.errors import BackendError


class TensorRtStages:
    """One context per graph, for one batch size.

    They must outlive a CUDA graph captured from them, which uses the memory of their contexts.

    Args:
        manifest: describes the graphs' tensors.
        engines: the loaded engines.
        batch: images per batch.
        tensors: the stages' tensors.
        scalars: the scalars of each step.
        scratch: address and size in bytes of the engines' working memory.
        stream: the stream to run on.

    Raises:
        BackendError: TensorRT cannot create a context.
    """

    def __init__(
        self,
        manifest: Manifest,
        engines: Engines,
        batch: int,
        *,
        tensors: DeviceTensors,
        scalars: StepScalars,
        scratch: tuple[int, int],
        stream: Any,
    ) -> None:
        self._engines = engines
        self._batch = batch
        self._tensors = tensors
        self._scalars = scalars
        self._stream = int(stream)
        self._contexts: dict[str, IExecutionContext] = {
            name: make_context(engines, manifest.graph(name), batch, scratch)
            for name in GRAPH_TENSORS
        }
        self._unchecked = set(GRAPH_TENSORS)

    def encode(
        self, image: DeviceTensor, noise: DeviceTensor, posterior_noise: DeviceTensor
    ) -> tuple[DeviceTensor, DeviceTensor]:
        """Return latents `[B, C, h, w]` and hint `[B, C', h, w]`."""
        latents, hint = self._tensor("latents"), self._tensor("hint")
        self._enqueue("encoder", image, noise, posterior_noise, latents, hint)
        return latents, hint

    def denoise(self, latents: DeviceTensor, hint: DeviceTensor, step: DdimStep) -> DeviceTensor:
        """Return the next latents `[B, C, h, w]`, in other memory than `latents`."""
        following = self._tensor("next_latents")
        if following.address == latents.address:
            following = self._tensor("latents")
        self._enqueue("denoiser", latents, hint, *self._scalars.tensors(step), following)
        return following

    def decode(self, latents: DeviceTensor) -> DeviceTensor:
        """Return the reconstruction `[B, 3, S, S]`."""
        reconstruction = self._tensor("reconstruction")
        self._enqueue("decoder", latents, reconstruction)
        return reconstruction

    def score(
        self, image: DeviceTensor, reconstruction: DeviceTensor
    ) -> tuple[DeviceTensor, DeviceTensor]:
        """Return the anomaly map `[B, S, S]` and image score `[B]`."""
        anomaly_map, image_score = self._tensor("anomaly_map"), self._tensor("image_score")
        self._enqueue("scorer", image, reconstruction, anomaly_map, image_score)
        return anomaly_map, image_score

    def close(self) -> None:
        """Release the contexts."""
        self._contexts.clear()

    def _tensor(self, name: str) -> DeviceTensor:
        return self._tensors.tensor(name, self._batch)

    def _enqueue(self, graph: str, *tensors: DeviceTensor) -> None:
        """Put a graph on the stream; `tensors` are its inputs and outputs, in order."""
        action = f"{graph}: running a batch of {self._batch} on {self._engines.target}"
        with translate_errors(self._engines.log, action):
            self._execute(graph, *tensors)

    def _execute(self, graph: str, *tensors: DeviceTensor) -> None:
        context = self._contexts[graph]
        inputs, outputs = GRAPH_TENSORS[graph]
        for name, tensor in zip((*inputs, *outputs), tensors, strict=True):
            if not context.set_tensor_address(name, tensor.address):
                raise self._error(graph, f"set the address of {name}")
        # TensorRT-RTX needs the addresses for this check
        if graph in self._unchecked:
            check_capturable(self._engines, graph, context, self._stream)
            self._unchecked.remove(graph)
        if not context.execute_async_v3(self._stream):
            raise self._error(graph, f"run a batch of {self._batch}")

    def _error(self, graph: str, action: str) -> BackendError:
        return BackendError(
            f"{graph}: {self._engines.target} cannot {action}: {last_error(self._engines.log)}; if "
            f"it ran out of memory, use a smaller --batch-size"
        )
