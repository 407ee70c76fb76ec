"""The four graphs on ONNX Runtime's CPU provider."""

from typing import Any, Self

from diad_deploy.arrays import FloatArray
from diad_deploy.backends.onnxruntime.module import one_line
from diad_deploy.backends.onnxruntime.sessions import open_sessions
from diad_deploy.bundle.folder import Bundle
from diad_deploy.diffusion.array_stages import ArrayStages
from diad_deploy.diffusion.stages import GRAPH_TENSORS
from diad_deploy.errors import BackendError


class OnnxRuntimeStages(ArrayStages):
    """One session per graph, on NumPy arrays."""

    def __init__(self, sessions: dict[str, Any]) -> None:
        self._sessions = sessions

    @classmethod
    def open(cls, bundle: Bundle, *, threads: int | None = None) -> Self:
        """Load the four graphs.

        Args:
            bundle: an opened bundle.
            threads: threads per operator; None for the cores this process may use.

        Raises:
            BackendError: ONNX Runtime is not installed or cannot load a graph.
            BundleDamagedError: a graph is invalid, reads files that the manifest does not record,
                or has other tensors than the manifest states.
        """
        return cls(open_sessions(bundle, "cpu", threads=threads))

    def close(self) -> None:
        """Release the sessions."""
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
                f"{name}: ONNX Runtime failed with inputs of shape "
                f"{', '.join(str(list(value.shape)) for value in values)}: {one_line(error)}; "
                f"if it ran out of memory, use a smaller --batch-size"
            ) from error
        return results
