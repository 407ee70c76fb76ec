"""ONNX Runtime sessions of a bundle's graphs, checked before anything runs."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any, Literal

from diad_deploy.backends.onnxruntime.external_data import check_external_data
from diad_deploy.backends.onnxruntime.module import (
    import_onnxruntime,
    one_line,
    prepare_cuda_libraries,
)
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import GraphSpec, TensorSpec
from diad_deploy.diffusion.stages import GRAPH_TENSORS, check_graphs
from diad_deploy.errors import BackendError, BundleDamagedError, DiadError
from diad_deploy.usable_cores import usable_cores

Device = Literal["cpu", "cuda"]

PROVIDERS: dict[Device, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}

FATAL_ONLY = 4
_TYPES = {"float32": "tensor(float)", "float16": "tensor(float16)"}
_DAMAGED = {"InvalidProtobuf", "InvalidGraph", "NoModel", "NoSuchFile"}
"""ONNX Runtime's errors that speak of the file, by class name; the others speak of the library."""


def open_sessions(
    bundle: Bundle,
    device: Device,
    *,
    threads: int | None = None,
    provider_options: dict[str, dict[str, str]] | None = None,
    prepare: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Sessions by graph, all on `device`.

    Args:
        bundle: an opened bundle.
        device: where the graphs run.
        threads: threads an operator may use; None takes the cores this process may use.
        provider_options: of the device's provider, by graph. With `enable_cuda_graph`, ONNX Runtime
            itself refuses a graph of which more than the arithmetic of shapes would run on the CPU.
        prepare: called first in each thread that loads a graph.

    Raises:
        BackendError: ONNX Runtime is not installed, does not start on the device, or refuses a
            graph.
        BundleDamagedError: a graph is invalid, reads files that the manifest does not record, or
            has other tensors than the manifest says.
    """
    runtime = import_onnxruntime()
    check_provider(runtime, device)
    check_graphs(bundle.manifest)
    check_external_data(bundle)
    options = _options(runtime, threads)
    given = provider_options or {}

    def load(name: str) -> Any:
        if prepare is not None:
            prepare()
        return _load(runtime, bundle, name, options, (PROVIDERS[device], given.get(name, {})))

    # side by side: at full size the largest graph alone takes most of the time
    with ThreadPoolExecutor(max_workers=len(GRAPH_TENSORS)) as pool:
        sessions = pool.map(load, GRAPH_TENSORS)
        return dict(zip(GRAPH_TENSORS, sessions, strict=True))


def check_provider(runtime: ModuleType, device: Device) -> None:
    """Check that this ONNX Runtime was built for `device`; whether it starts, a session shows.

    Raises:
        BackendError: it was not.
    """
    available = runtime.get_available_providers()
    if PROVIDERS[device] not in available:
        raise BackendError(
            f"onnxruntime {runtime.__version__} cannot run on {device}; expected "
            f"{PROVIDERS[device]}, found {', '.join(available)}; pip uninstall onnxruntime and "
            f'install "diad_deploy[gpu]" in its place, or take --device cpu'
        )


def _options(runtime: ModuleType, threads: int | None) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = default_threads() if threads is None else threads
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # what fails is raised, and says so once
    options.log_severity_level = FATAL_ONLY
    # by content a file could pass for ONNX Runtime's own format, which nothing here checks
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # four sessions take turns: threads of one must not spin while the next one works
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    # sums by atomic additions would differ from replay to replay; the CPU's kernels have none
    options.use_deterministic_compute = True
    # denormals stay: "set_denormal_as_zero" would change the caller's own thread, and NumPy's
    # numbers with it
    return options


def default_threads() -> int:
    """0, which is a thread a physical core, unless this process may not use all cores.

    There ONNX Runtime would start threads for all of them, fail to pin them where it is affinity
    that bounds them, and be stopped for most of the time where it is a quota.
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
        # a second try on the CPU, which prints, is not what was asked for
        session = runtime.InferenceSession(
            str(path), sess_options=options, providers=[provider], enable_fallback=0
        )
    except Exception as error:
        raise _load_failure(f"{path}", error) from error
    faults = list(_mismatches(graph, session))
    if faults:
        raise BundleDamagedError(
            f"{path}: the graph is not what the manifest says: {'; '.join(faults)}; build the "
            f"bundle again"
        )
    check_started(f"{path}", session, provider[0])
    return session


def check_started(path: str, session: Any, provider: str) -> None:
    """Check that the session came up on `provider`, and put its nodes there.

    ONNX Runtime goes on on the CPU where a provider's libraries are missing, and says so in a log
    only. That it mixes no other nodes in, it proves itself where CUDA graphs are enabled; all of
    them elsewhere it would take.

    Raises:
        BackendError: it did not.
    """
    found = session.get_providers()
    if provider in found[:1] and not _holds_nodes(session, provider):
        raise BackendError(
            f"{path}: ONNX Runtime would run none of it on {provider}; install another "
            f"onnxruntime-gpu, or take --device cpu"
        )
    if provider not in found[:1]:
        missing = prepare_cuda_libraries()
        raise BackendError(
            f"{path}: ONNX Runtime did not start: expected {provider}, found {', '.join(found)}"
            f"{f' ({missing})' if missing else ''}; install CUDA's and cuDNN's libraries with "
            f'pip install "diad_deploy[gpu]", or take --device cpu'
        )


def _holds_nodes(session: Any, provider: str) -> bool:
    """Whether any node runs on `provider`; versions before 1.24 do not tell."""
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return True
    parts = session.get_provider_graph_assignment_info()
    return any(part.ep_name == provider and part.get_nodes() for part in parts)


def _load_failure(path: str, error: Exception) -> DiadError:
    reason = one_line(error)
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
