"""The four graphs on ONNX Runtime's CPU provider, on NumPy arrays."""

from typing import Any, Self

import numpy as np

from diad_deploy.arrays import FloatArray
from diad_deploy.backends.onnxruntime_sessions import one_line, open_sessions
from diad_deploy.backends.stages import GRAPH_TENSORS
from diad_deploy.bundle import Bundle
from diad_deploy.errors import BackendError
from diad_deploy.schedule import DdimStep


class OnnxRuntimeStages:
    """One session a graph; tensors are NumPy arrays."""

    def __init__(self, sessions: dict[str, Any]) -> None:
        self._sessions = sessions

    @classmethod
    def open(cls, bundle: Bundle, *, threads: int | None = None) -> Self:
        """Load the four graphs.

        Args:
            bundle: an opened bundle.
            threads: threads an operator may use; None takes the cores this process may use.

        Raises:
            BackendError: ONNX Runtime is not installed or refuses a graph.
            BundleDamagedError: a graph is invalid, reads files that the manifest does not record,
                or has other tensors than the manifest says.
        """
        return cls(open_sessions(bundle, "cpu", threads=threads))

    def encode(
        self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Latents `[B, C, h, w]` and hint `[B, C', h, w]`."""
        latents, hint = self._run("encoder", image, noise, posterior_noise)
        return latents, hint

    def denoise(self, latents: FloatArray, hint: FloatArray, step: DdimStep) -> FloatArray:
        """The next latents `[B, C, h, w]`."""
        scalars = (step.timestep, step.latents_scale, step.noise_scale)
        numbers = (np.array([value], dtype=np.float32) for value in scalars)
        (latents,) = self._run("denoiser", latents, hint, *numbers)
        return latents

    def decode(self, latents: FloatArray) -> FloatArray:
        """Reconstruction `[B, 3, S, S]`."""
        (reconstruction,) = self._run("decoder", latents)
        return reconstruction

    def score(self, image: FloatArray, reconstruction: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Anomaly map `[B, S, S]` and image score `[B]`."""
        anomaly_map, image_score = self._run("scorer", image, reconstruction)
        return anomaly_map, image_score

    def close(self) -> None:
        """Let go of the sessions."""
        self._sessions.clear()

    def _run(self, name: str, *values: FloatArray) -> list[FloatArray]:
        session = self._sessions.get(name)
        if session is None:
            raise BackendError("the model is closed; open it again")
        inputs, outputs = GRAPH_TENSORS[name]
        try:
            results: list[FloatArray] = session.run(outputs, dict(zip(inputs, values, strict=True)))
        except Exception as error:
            raise BackendError(
                f"{name}: ONNX Runtime failed on inputs "
                f"{', '.join(str(list(value.shape)) for value in values)}: {one_line(error)}; "
                f"if memory ran out, take a smaller batch"
            ) from error
        return results
