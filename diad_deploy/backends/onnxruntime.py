"""The four graphs on ONNX Runtime's CPU provider."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any, Self

import numpy as np

from diad_deploy.arrays import FloatArray
from diad_deploy.backends.external_data import check_external_data
from diad_deploy.backends.stages import GRAPH_TENSORS, check_graphs
from diad_deploy.bundle import Bundle
from diad_deploy.errors import BackendError, BundleDamagedError, DiadError
from diad_deploy.manifest import GraphSpec, TensorSpec
from diad_deploy.schedule import DdimStep

_FATAL_ONLY = 4
_TYPES = {"float32": "tensor(float)", "float16": "tensor(float16)"}
_DAMAGED = {"InvalidProtobuf", "InvalidGraph", "NoModel", "NoSuchFile"}
"""ONNX Runtime's errors that speak of the file, by class name; the others speak of the library."""


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
        runtime = _import()
        check_graphs(bundle.manifest)
        check_external_data(bundle)
        options = _options(runtime, threads)
        # side by side: at full size the largest graph alone takes most of the time
        with ThreadPoolExecutor(max_workers=len(GRAPH_TENSORS)) as pool:
            sessions = pool.map(lambda name: _load(runtime, bundle, name, options), GRAPH_TENSORS)
            return cls(dict(zip(GRAPH_TENSORS, sessions, strict=True)))

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
                f"{', '.join(str(list(value.shape)) for value in values)}: {_one_line(error)}; "
                f"if memory ran out, take a smaller batch"
            ) from error
        return results


def _import() -> ModuleType:
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendError(
            f"ONNX Runtime cannot be imported ({_one_line(error)}); "
            f'pip install "diad_deploy[cpu]", or "diad_deploy[gpu]"'
        ) from error
    module: ModuleType = onnxruntime
    return module


def _options(runtime: ModuleType, threads: int | None) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = _default_threads() if threads is None else threads
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # what fails is raised, and says so once
    options.log_severity_level = _FATAL_ONLY
    # by content a file could pass for ONNX Runtime's own format, which nothing here checks
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # four sessions take turns: threads of one must not spin while the next one works
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # denormals stay: "set_denormal_as_zero" would change the caller's own thread, and NumPy's
    # numbers with it
    return options


def _default_threads() -> int:
    """0, which is a thread a physical core, unless this process may not use all cores.

    There ONNX Runtime would start threads for all of them and fail to pin them.
    """
    if not hasattr(os, "sched_getaffinity"):
        return 0
    usable = len(os.sched_getaffinity(0))
    return 0 if usable == os.cpu_count() else usable


def _load(runtime: ModuleType, bundle: Bundle, name: str, options: Any) -> Any:
    graph = bundle.manifest.graph(name)
    path = bundle.file(graph.file)
    try:
        session = runtime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise _load_failure(f"{path}", error) from error
    faults = list(_mismatches(graph, session))
    if faults:
        raise BundleDamagedError(
            f"{path}: the graph is not what the manifest says: {'; '.join(faults)}; build the "
            f"bundle again"
        )
    return session


def _load_failure(path: str, error: Exception) -> DiadError:
    reason = _one_line(error)
    if type(error).__name__ in _DAMAGED or "external data" in reason.lower():
        return BundleDamagedError(
            f"{path}: ONNX Runtime cannot read the graph: {reason}; build the bundle again"
        )
    return BackendError(
        f"{path}: ONNX Runtime refuses the graph: {reason}; upgrade onnxruntime, or build the "
        f"bundle with this version's diad-export"
    )


def _mismatches(graph: GraphSpec, session: Any) -> Iterator[str]:
    for side, specs, found in (
        ("inputs", graph.inputs, session.get_inputs()),
        ("outputs", graph.outputs, session.get_outputs()),
    ):
        expected_names = [spec.name for spec in specs]
        found_names = [node.name for node in found]
        if expected_names != found_names:
            yield f"{side}: expected {expected_names}, found {found_names}"
            continue
        for spec, node in zip(specs, found, strict=True):
            if _TYPES.get(spec.dtype) != node.type or not _same_shape(spec, node.shape):
                yield (
                    f"{spec.name}: expected {spec.dtype} {list(spec.shape)}, found {node.type} "
                    f"{node.shape}"
                )


def _same_shape(spec: TensorSpec, found: list[int | str | None]) -> bool:
    """Fixed sizes agree, and free ones are free; a size the graph leaves open fits either."""
    if len(spec.shape) != len(found):
        return False
    return all(
        not isinstance(size, int) or size == expected
        for expected, size in zip(spec.shape, found, strict=True)
    )


def _one_line(error: BaseException) -> str:
    """The message without its line breaks and without ONNX Runtime's code in front."""
    text = " ".join(str(error).split())
    return text.removeprefix("[ONNXRuntimeError] : ") or type(error).__name__
