"""ONNX file -> engine file, with Polygraphy. Runs in the worker process only."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from diad_deploy.bundle.manifest import TensorSpec
from diad_deploy.errors import ExportError
from diad_export.engines.heavy_nodes import HeavyNodes, read_heavy_nodes
from diad_export.engines.layers import Layer, layers_from_inspector, layers_from_log
from diad_export.engines.messages import make_collector, one_line
from diad_export.engines.monitor import ProgressCallback, make_monitor
from diad_export.engines.options import EngineOptions
from diad_export.engines.protocol import BuiltEngine, EngineRequest
from diad_export.engines.sanitized import folded
from diad_export.engines.turing import TURING, rewrite_products
from diad_export.engines.type_proof import check_types, summarize


class Cancelled(Exception):  # noqa: N818 not an error: the user asked for it
    """The build was stopped from outside."""


def build_engine(
    module: Any,
    request: EngineRequest,
    *,
    report_progress: ProgressCallback,
    is_cancelled: Callable[[], bool],
) -> BuiltEngine:
    """Build an engine, check the types of its layers, and write it.

    Args:
        module: `tensorrt` or `tensorrt_rtx`, the one that Polygraphy uses.
        request: what to build.
        report_progress: called with the progress.
        is_cancelled: called at each step; True stops the build.

    Raises:
        Cancelled: the build was stopped; nothing is written.
        ExportError: TensorRT cannot parse or build the graph, or the engine does not have the
            requested types.
    """
    start, collector = time.monotonic(), _collect_messages(module)
    monitor = make_monitor(module, report_progress, is_cancelled)
    graph = Path(request.onnx_file)
    nodes = read_heavy_nodes(graph)
    with tempfile.TemporaryDirectory(prefix="diad-engine-") as scratch, folded(graph) as copy:
        path, note = _prepared(copy, request, nodes, Path(scratch))
        network = _network(module, path, request.graph.name, collector)
        if is_cancelled():
            raise Cancelled
        config = _config(module, request, network, monitor)
        data = _bytes(request, network, config, collector, is_cancelled)
    layers = layers_from_log(collector.layer_messages) or _inspected(module, data, collector)
    name, precision = request.graph.name, request.graph.precision
    check_types(name, precision, nodes, layers, float32_allowed=request.float32_allowed)
    Path(request.engine_file).write_bytes(data)
    return BuiltEngine(
        layers=summarize(layers),
        optimization_level=int(config.builder_optimization_level),
        aux_streams=int(config.max_aux_streams),
        seconds=round(time.monotonic() - start, 2),
        note=note,
    )


def profile_shapes(
    inputs: tuple[TensorSpec, ...], options: EngineOptions
) -> dict[str, tuple[tuple[int, ...], ...]]:
    """Smallest, tuned and largest shape of each input with a dynamic dimension."""
    profile = options.profile
    sizes = (profile.smallest, profile.tuned, profile.largest)
    return {
        spec.name: tuple(
            tuple(size if isinstance(d, str) else d for d in spec.shape) for size in sizes
        )
        for spec in inputs
        if any(isinstance(d, str) for d in spec.shape)
    }


def _collect_messages(module: Any) -> Any:
    """Replace Polygraphy's logger, of which there is one per process, by a collector."""
    from polygraphy.backend.trt import util
    from polygraphy.logger import G_LOGGER

    G_LOGGER.module_severity = {"": G_LOGGER.CRITICAL}
    util.TRT_LOGGER = make_collector(module)
    return util.TRT_LOGGER


def _prepared(
    path: Path, request: EngineRequest, nodes: HeavyNodes, scratch: Path
) -> tuple[Path, str]:
    """The graph to parse, rewritten if the target GPUs need it, and a note on what was changed."""
    options = request.options
    turing = options.target == "tensorrt-rtx" and TURING in options.compute_capabilities
    # rewriting a pure float32 graph would make it very slow
    if not turing or not nodes.float32 or not nodes.float16:
        return path, ""
    copy = rewrite_products(path, scratch, only=nodes.float32)
    return copy, (
        f"{len(nodes.float32)} float32 products rewritten, which TensorRT-RTX lacks for 7.5"
    )


def _network(module: Any, path: Path, graph: str, collector: Any) -> Any:
    from polygraphy.backend.trt import NetworkFromOnnxPath
    from polygraphy.exception import PolygraphyException

    try:
        return NetworkFromOnnxPath(str(path), strongly_typed=True)()
    except PolygraphyException as error:
        reason = _parse_fault(module, path, collector) or " ".join(str(error).split())
        raise ExportError(
            f"{graph}: TensorRT cannot parse the graph: {reason}; expected the operators of "
            f"opset 18 as `diad-export build` writes them, so build the bundle again"
        ) from error


def _parse_fault(module: Any, path: Path, collector: Any) -> str:
    """The first error of the parser, with node and operator; Polygraphy does not expose it."""
    from polygraphy.backend.trt import create_network

    _, network = create_network(strongly_typed=True)
    parser = module.OnnxParser(network, collector)
    parser.parse_from_file(str(path))
    if not parser.num_errors:
        return ""
    fault = parser.get_error(0)
    description = " ".join(fault.desc().split())
    return f"node {fault.node_name()!r}, operator {fault.node_operator()}: {description}"


def _config(module: Any, request: EngineRequest, network: Any, monitor: Any) -> Any:
    from polygraphy.backend.trt import CreateConfig, Profile

    options = request.options
    profile = Profile()
    for name, shapes in profile_shapes(request.graph.inputs, options).items():
        profile.add(name, *shapes)
    given: dict[str, Any] = {
        "profiles": [profile],
        "profiling_verbosity": module.ProfilingVerbosity.DETAILED,
        "builder_optimization_level": options.optimization_level,
        "max_aux_streams": options.aux_streams,
        "progress_monitor": monitor,
    }
    if options.workspace_mib is not None:
        given["memory_pool_limits"] = {
            module.MemoryPoolType.WORKSPACE: options.workspace_mib * 1024 * 1024
        }
    builder, definition, _ = network
    if options.target == "tensorrt-rtx":
        from polygraphy.backend.tensorrt_rtx import CreateConfigRTX

        pairs = [tuple(map(int, name.split("."))) for name in options.compute_capabilities]
        config = CreateConfigRTX(compute_capabilities=pairs, **given)(builder, definition)
        # otherwise an engine may allocate while it runs, and cannot be captured in a CUDA graph
        config.set_flag(module.BuilderFlag.REQUIRE_USER_ALLOCATION)
        return config
    cache = options.timing_cache
    if cache is not None and Path(cache).exists():
        given["load_timing_cache"] = cache
    return CreateConfig(**given)(builder, definition)


def _bytes(
    request: EngineRequest,
    network: Any,
    config: Any,
    collector: Any,
    is_cancelled: Callable[[], bool],
) -> Any:
    from polygraphy.backend.trt import EngineBytesFromNetwork
    from polygraphy.exception import PolygraphyException

    cache = request.options.timing_cache
    try:
        return EngineBytesFromNetwork(network, config, save_timing_cache=cache)()
    except PolygraphyException as error:
        if is_cancelled():
            raise Cancelled from None
        reason = one_line(collector.errors)
        remedy = "build from a bundle with other graphs, or another --compute-capability"
        if "Turing" in reason:
            remedy = (
                "7.5 runs float16 graphs only; build them with --precision fp16, or leave out 7.5"
            )
        raise ExportError(
            f"{request.graph.name}: TensorRT cannot build the engine: {reason}; {remedy}"
        ) from error


def _inspected(module: Any, data: Any, collector: Any) -> tuple[Layer, ...]:
    """The layers from the engine inspector, which needs a GPU that can run the engine."""
    engine = module.Runtime(collector).deserialize_cuda_engine(data)
    if engine is None:
        return ()
    inspector = engine.create_engine_inspector()
    return layers_from_inspector(
        inspector.get_engine_information(module.LayerInformationFormat.JSON)
    )
