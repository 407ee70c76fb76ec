"""The four graphs as runs of ONNX Runtime on a CUDA stream, without waiting for the GPU."""

from typing import Any

import numpy as np

from diad_deploy.backends.cuda.tensors import SCALARS_BYTES, DeviceTensor, scalar_tensors
from diad_deploy.backends.cuda.workspace import Workspace
from diad_deploy.backends.onnxruntime.module import one_line
from diad_deploy.diffusion.schedule import DdimStep
from diad_deploy.diffusion.stages import GRAPH_TENSORS
from diad_deploy.errors import BackendError


class OnnxRuntimeCudaStages:
    """The four graphs bound to the tensors of a workspace, for one batch size.

    CUDA graphs contain addresses, so all steps read their scalars and latents from the same
    addresses, to which they are copied on the GPU before each step.

    Args:
        sessions: sessions by graph, on the workspace's stream.
        workspace: the tensors.
        batch: images per batch.
        scalars: address of `SCALARS_BYTES` for the scalars of the current step.
        options: run options.
    """

    def __init__(
        self, sessions: dict[str, Any], workspace: Workspace, batch: int, scalars: int, options: Any
    ) -> None:
        self._space, self._batch, self._scalars = workspace, batch, scalars
        self._sessions, self._options = sessions, options
        self._bindings = {name: self._bind(name) for name in GRAPH_TENSORS}

    def encode(
        self, image: DeviceTensor, noise: DeviceTensor, posterior_noise: DeviceTensor
    ) -> tuple[DeviceTensor, DeviceTensor]:
        """Return latents `[B, C, h, w]` and hint `[B, C', h, w]`."""
        del image, noise, posterior_noise
        self._run("encoder")
        return self._tensor("latents"), self._tensor("hint")

    def denoise(self, latents: DeviceTensor, hint: DeviceTensor, step: DdimStep) -> DeviceTensor:
        """Return the next latents `[B, C, h, w]`, which overwrite `latents`."""
        del hint
        scalars, *_ = self._space.scalars.tensors(step)
        self._copy(self._scalars, scalars.address, SCALARS_BYTES)
        self._run("denoiser")
        self._copy(latents.address, self._tensor("next_latents").address, latents.size_bytes)
        return latents

    def decode(self, latents: DeviceTensor) -> DeviceTensor:
        """Return the reconstruction `[B, 3, S, S]`."""
        del latents
        self._run("decoder")
        return self._tensor("reconstruction")

    def score(
        self, image: DeviceTensor, reconstruction: DeviceTensor
    ) -> tuple[DeviceTensor, DeviceTensor]:
        """Return the anomaly map `[B, S, S]` and image score `[B]`."""
        del image, reconstruction
        self._run("scorer")
        return self._tensor("anomaly_map"), self._tensor("image_score")

    def close(self) -> None:
        """Release the bindings."""
        self._bindings.clear()

    def _tensor(self, name: str) -> DeviceTensor:
        return self._space.tensors.tensor(name, self._batch)

    def _bind(self, graph: str) -> Any:
        inputs, outputs = GRAPH_TENSORS[graph]
        scalars = dict(zip(inputs[2:], scalar_tensors(self._scalars), strict=False))
        own = scalars if graph == "denoiser" else {}
        binding = self._sessions[graph].io_binding()
        device = self._space.cuda.device
        for names, bind in ((inputs, binding.bind_input), (outputs, binding.bind_output)):
            for name in names:
                tensor = own.get(name) or self._tensor(name)
                dtype = np.dtype(tensor.dtype).type
                bind(name, "cuda", device, dtype, tensor.shape, tensor.address)
        return binding

    def _run(self, graph: str) -> None:
        try:
            self._sessions[graph].run_with_iobinding(self._bindings[graph], self._options)
        except Exception as error:
            raise BackendError(
                f"{graph}: ONNX Runtime failed on cuda:{self._space.cuda.device} with a batch of "
                f"{self._batch}: {one_line(error)}; if it ran out of memory, use a smaller "
                f"--batch-size, or --tf32 or a float16 bundle, whose convolutions need less"
            ) from error

    def _copy(self, target: int, source: int, size_bytes: int) -> None:
        cuda = self._space.cuda
        kind = cuda.api.cudaMemcpyKind.cudaMemcpyDeviceToDevice
        stream = self._space.streams.compute
        result = cuda.api.cudaMemcpyAsync(target, source, size_bytes, kind, stream)
        cuda.check(result, "copying the scalars or latents of a step")
