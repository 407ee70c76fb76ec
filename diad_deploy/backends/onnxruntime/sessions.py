"""ONNX Runtime sessions of a bundle's graphs, compared with the manifest."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any, Literal

from diad_deploy.backends.onnxruntime.external_data import check_external_data
from diad_deploy.backends.onnxruntime.module import (
    CUDA_PROVIDER,
    check_cuda_provider,
    import_onnxruntime,
    one_line,
    preload_cuda_libraries,
)
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import GraphSpec, TensorSpec
from diad_deploy.diffusion.stages import GRAPH_TENSORS, check_graphs
from diad_deploy.errors import BackendError, BundleDamagedError, DiadError
from diad_deploy.usable_cores import usable_cores

Device = Literal["cpu", "cuda"]

PROVIDERS: dict[Device, str] = {"cpu": "CPUExecutionProvider", "cuda": CUDA_PROVIDER}

FATAL_ONLY = 4
_TYPES = {"float32": "tensor(float)", "float16": "tensor(float16)"}
_DAMAGED = {"InvalidProtobuf", "InvalidGraph", "NoModel", "NoSuchFile"}
"""Class names of ONNX Runtime's errors that are caused by the file."""
_OUT_OF_MEMORY = (
    "out of memory",
    "failed to allocate",
    "bad_alloc",
    "bad allocation",
    "alloc_failed",
)
"""Parts of the messages with which ONNX Runtime, CUDA, cuDNN and C++ report a lack of memory."""


def open_sessions(
    bundle: Bundle,
    device: Device,
    *,
    threads: int | None = None,
    provider_options: dict[str, dict[str, str]] | None = None,
    prepare_thread: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Load the four graphs on `device`; returns sessions by graph.

    Args:
        bundle: an opened bundle.
        device: where the graphs run.
        threads: threads per operator; None for the cores this process may use.
        provider_options: options of the device's provider, by graph. With `enable_cuda_graph`,
            ONNX Runtime rejects graphs of which more than shape arithmetic would run on the CPU.
        prepare_thread: called first in each thread that loads a graph.

    Raises:
        BackendError: ONNX Runtime is not installed, does not start on the device, or cannot load a
            graph.
        BundleDamagedError: a graph is invalid, reads files that the manifest does not record, or
            has other tensors than the manifest states.
    """
    runtime = import_onnxruntime()
    if device == "cuda":
        check_cuda_provider(runtime)
    check_graphs(bundle.manifest)
    check_external_data(bundle)
    options = _options(runtime, threads)
    given = provider_options or {}

    def load(name: str) -> Any:
        if prepare_thread is not None:
            prepare_thread()
        return _load(runtime, bundle, name, options, (PROVIDERS[device], given.get(name, {})))

    # in parallel: at full size, the largest graph takes most of the time
    with ThreadPoolExecutor(max_workers=len(GRAPH_TENSORS)) as pool:
        sessions = pool.map(load, GRAPH_TENSORS)
        return dict(zip(GRAPH_TENSORS, sessions, strict=True))


def _options(runtime: ModuleType, threads: int | None) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = default_threads() if threads is None else threads
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # errors are raised and need not be logged as well
    options.log_severity_level = FATAL_ONLY
    # otherwise a file could be taken for ONNX Runtime's own format, which is not checked here
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # the four sessions run in turn: idle threads of one must not spin while another runs
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    # sums by atomic additions would differ between runs on a GPU
    options.use_deterministic_compute = True
    # denormals are kept: "set_denormal_as_zero" would also affect NumPy in the caller's thread
    return options


def default_threads() -> int:
    """The default of ONNX Runtime's `intra_op_num_threads` for this process.

    It is 0, one thread per physical core, unless this process may not use all cores. In that case
    ONNX Runtime would fail to pin its threads (affinity) or would be throttled (quota).
    """
    usable = usable_cores()
    return 0 if usable >= (os.cpu_count() or 1) else usable


def _load(
    runtime: ModuleType,
    bundle: Bundle,
    name: str,
    options: Any,
    provider: tuple[str, dict[str, str]],
) -> Any:
    graph = bundle.manifest.graph(name)
    path = bundle.file(graph.file)
    try:
        # otherwise ONNX Runtime would retry on the CPU and print a message
        session = runtime.InferenceSession(
            str(path), sess_options=options, providers=[provider], enable_fallback=0
        )
    except Exception as error:
        raise _load_error(f"{path}", error) from error
    faults = list(_mismatches(graph, session))
    if faults:
        raise BundleDamagedError(
            f"{path}: the graph differs from the manifest: {'; '.join(faults)}; rebuild the bundle"
        )
    check_started(f"{path}", session, provider[0])
    return session


def check_started(path: str, session: Any, provider: str) -> None:
    """Check that a session uses `provider` and has assigned nodes to it.

    If the libraries of a provider are missing, ONNX Runtime falls back to the CPU and only logs
    it. With CUDA graphs enabled it rejects graphs that run partly on the CPU, but not those that
    run there as a whole.

    Raises:
        BackendError: the session does not run on `provider`.
    """
    found = session.get_providers()
    if provider in found[:1] and not _has_nodes(session, provider):
        raise BackendError(
            f"{path}: ONNX Runtime would run none of its nodes on {provider}; install another "
            f"version of onnxruntime-gpu, or use --device cpu"
        )
    if provider not in found[:1]:
        missing = preload_cuda_libraries()
        raise BackendError(
            f"{path}: ONNX Runtime did not start: expected {provider}, found {', '.join(found)}"
            f"{f' ({missing})' if missing else ''}; install the CUDA and cuDNN libraries with "
            f'pip install "diad_deploy[gpu]", or use --device cpu'
        )


def _has_nodes(session: Any, provider: str) -> bool:
    """Whether any node runs on `provider`; versions before 1.24 cannot be asked."""
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return True
    parts = session.get_provider_graph_assignment_info()
    return any(part.ep_name == provider and part.get_nodes() for part in parts)


def _load_error(path: str, error: Exception) -> DiadError:
    reason = one_line(error)
    if isinstance(error, MemoryError) or any(part in reason.lower() for part in _OUT_OF_MEMORY):
        return BackendError(
            f"{path}: not enough memory to load the graph: {reason}; end other programs that use "
            f"the device's memory, or use another --device"
        )
    if type(error).__name__ in _DAMAGED or "external data" in reason.lower():
        return BundleDamagedError(
            f"{path}: ONNX Runtime cannot read the graph: {reason}; rebuild the bundle"
        )
    return BackendError(
        f"{path}: ONNX Runtime cannot load the graph: {reason}; upgrade onnxruntime, or rebuild "
        f"the bundle with this version of diad-export"
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
    """Whether the fixed sizes of the graph agree; its dynamic sizes match any."""
    if len(spec.shape) != len(found):
        return False
    return all(
        not isinstance(size, int) or size == expected
        for expected, size in zip(spec.shape, found, strict=True)
    )
