"""The four graphs on ONNX Runtime with bound inputs and outputs, which stay on their device."""

from typing import Any, Self

import numpy as np

from diad_deploy.arrays import FloatArray
from diad_deploy.backends.onnxruntime_module import import_onnxruntime, one_line
from diad_deploy.backends.onnxruntime_sessions import Device, open_sessions
from diad_deploy.backends.stages import GRAPH_TENSORS
from diad_deploy.bundle import Bundle
from diad_deploy.errors import BackendError
from diad_deploy.schedule import DdimStep

_FIRST = 0
"""The first GPU that the process sees."""


class BoundStages:
    """One session a graph; tensors are `OrtValue`s on the device."""

    def __init__(self, sessions: dict[str, Any], values: Any, device: Device) -> None:
        self._sessions = sessions
        self._values = values
        self._device = device
        self._scalars: dict[DdimStep, list[Any]] = {}

    @classmethod
    def open(cls, bundle: Bundle, *, device: Device, threads: int | None = None) -> Self:
        """Load the four graphs.

        Args:
            bundle: an opened bundle.
            device: where they run, and where all tensors lie.
            threads: threads that what stays on the CPU may use.

        Raises:
            BackendError, BundleDamagedError: as of
                `diad_deploy.backends.onnxruntime_sessions.open_sessions`.
        """
        sessions = open_sessions(bundle, device, threads=threads)
        return cls(sessions, import_onnxruntime().OrtValue, device)

    def upload(self, array: FloatArray) -> Any:
        """The array on the device.

        Raises:
            BackendError: there is too little memory.
        """
        try:
            # without its own memory: on the CPU an OrtValue would share the caller's
            return self._values.ortvalue_from_numpy(np.array(array), self._device, _FIRST)
        except Exception as error:
            raise BackendError(
                f"ONNX Runtime cannot put {array.nbytes} bytes on {self._device}: "
                f"{one_line(error)}; take a smaller --batch-size"
            ) from error

    def download(self, value: Any) -> FloatArray:
        """The tensor as an array of the host."""
        array: FloatArray = np.array(value.numpy())
        return array

    def encode(self, image: Any, noise: Any, posterior_noise: Any) -> tuple[Any, Any]:
        """Latents `[B, C, h, w]` and hint `[B, C', h, w]`."""
        latents, hint = self._run("encoder", image, noise, posterior_noise)
        return latents, hint

    def denoise(self, latents: Any, hint: Any, step: DdimStep) -> Any:
        """The next latents `[B, C, h, w]`."""
        if step not in self._scalars:
            numbers = (step.timestep, step.latents_scale, step.noise_scale)
            arrays = (np.array([number], dtype=np.float32) for number in numbers)
            self._scalars[step] = [self.upload(array) for array in arrays]
        (latents,) = self._run("denoiser", latents, hint, *self._scalars[step])
        return latents

    def decode(self, latents: Any) -> Any:
        """Reconstruction `[B, 3, S, S]`."""
        (reconstruction,) = self._run("decoder", latents)
        return reconstruction

    def score(self, image: Any, reconstruction: Any) -> tuple[Any, Any]:
        """Anomaly map `[B, S, S]` and image score `[B]`."""
        anomaly_map, image_score = self._run("scorer", image, reconstruction)
        return anomaly_map, image_score

    def close(self) -> None:
        """Let go of the sessions and the scalars."""
        self._sessions.clear()
        self._scalars.clear()

    def _run(self, name: str, *values: Any) -> list[Any]:
        session = self._sessions.get(name)
        if session is None:
            raise BackendError("the model is closed; open it again")
        inputs, outputs = GRAPH_TENSORS[name]
        try:
            binding = session.io_binding()
            for tensor, value in zip(inputs, values, strict=True):
                binding.bind_ortvalue_input(tensor, value)
            for tensor in outputs:
                binding.bind_output(tensor, self._device, _FIRST)
            session.run_with_iobinding(binding)
            results: list[Any] = binding.get_outputs()
        except Exception as error:
            raise BackendError(
                f"{name}: ONNX Runtime failed on {self._device} on inputs "
                f"{', '.join(str(list(value.shape())) for value in values)}: {one_line(error)}; "
                f"if memory ran out, take a smaller --batch-size"
            ) from error
        return results
