"""The four graphs as work put on a CUDA stream; nothing here waits for the GPU."""

from typing import Any

from diad_deploy.backends.cuda.tensors import DeviceTensor, DeviceTensors, StepScalars
from diad_deploy.backends.tensorrt.api import IExecutionContext, last_error, refusals_told
from diad_deploy.backends.tensorrt.engines import Engines, check_recordable, make_context
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.diffusion.schedule import DdimStep
from diad_deploy.diffusion.stages import GRAPH_TENSORS
from diad_deploy.errors import BackendError


class TensorRtStages:
    """One context a graph, for one batch size.

    A recording of these stages needs them to live on, as it runs in their contexts' memory.

    Args:
        manifest: the graphs' tensors.
        engines: the loaded engines.
        batch: images a batch.
        tensors: where the stages' tensors lie.
        scalars: where each step's scalars lie.
        scratch: address and size in bytes of the engines' working memory.
        stream: where the work goes.

    Raises:
        BackendError: TensorRT refuses a context.
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
        """Latents `[B, C, h, w]` and hint `[B, C', h, w]`."""
        latents, hint = self._own("latents"), self._own("hint")
        self._enqueue("encoder", image, noise, posterior_noise, latents, hint)
        return latents, hint

    def denoise(self, latents: DeviceTensor, hint: DeviceTensor, step: DdimStep) -> DeviceTensor:
        """The next latents `[B, C, h, w]`, in the memory that `latents` is not in."""
        following = self._own("next_latents")
        if following.address == latents.address:
            following = self._own("latents")
        self._enqueue("denoiser", latents, hint, *self._scalars.tensors(step), following)
        return following

    def decode(self, latents: DeviceTensor) -> DeviceTensor:
        """Reconstruction `[B, 3, S, S]`."""
        reconstruction = self._own("reconstruction")
        self._enqueue("decoder", latents, reconstruction)
        return reconstruction

    def score(
        self, image: DeviceTensor, reconstruction: DeviceTensor
    ) -> tuple[DeviceTensor, DeviceTensor]:
        """Anomaly map `[B, S, S]` and image score `[B]`."""
        anomaly_map, image_score = self._own("anomaly_map"), self._own("image_score")
        self._enqueue("scorer", image, reconstruction, anomaly_map, image_score)
        return anomaly_map, image_score

    def close(self) -> None:
        """Let go of the contexts."""
        self._contexts.clear()

    def _own(self, name: str) -> DeviceTensor:
        return self._tensors.tensor(name, self._batch)

    def _enqueue(self, graph: str, *tensors: DeviceTensor) -> None:
        """Put one graph on the stream: `tensors` are its inputs and outputs, in order."""
        doing = f"{graph}: running a batch of {self._batch} on {self._engines.target}"
        with refusals_told(self._engines.messages, doing):
            self._execute(graph, *tensors)

    def _execute(self, graph: str, *tensors: DeviceTensor) -> None:
        context = self._contexts[graph]
        inputs, outputs = GRAPH_TENSORS[graph]
        for name, tensor in zip((*inputs, *outputs), tensors, strict=True):
            if not context.set_tensor_address(name, tensor.address):
                raise self._failure(graph, f"an address for {name}")
        # TensorRT-RTX can tell once it has the addresses
        if graph in self._unchecked:
            check_recordable(self._engines, graph, context, self._stream)
            self._unchecked.remove(graph)
        if not context.execute_async_v3(self._stream):
            raise self._failure(graph, f"to run a batch of {self._batch}")

    def _failure(self, graph: str, what: str) -> BackendError:
        return BackendError(
            f"{graph}: {self._engines.target} refused {what}: "
            f"{last_error(self._engines.messages)}; if memory ran out, take a smaller --batch-size"
        )
