"""The four engines, loaded and checked, and contexts that run them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from diad_deploy.backends.engine_files import read_engine
from diad_deploy.backends.tensorrt_api import (
    ICudaEngine,
    IExecutionContext,
    Messages,
    RtxCudaEngine,
    RtxExecutionContext,
    RtxTensorRt,
    TensorRt,
    collect_messages,
    last_error,
)
from diad_deploy.bundle import Bundle
from diad_deploy.engine_spec import EngineSpec, Target
from diad_deploy.errors import BackendError
from diad_deploy.manifest import GraphSpec, TensorSpec

_PROFILE = 0
"""Engines have one optimization profile."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Engines:
    """Loaded engines by graph, and the batch sizes that all of them take.

    The logger stands here because TensorRT asks for it as long as anything made with it lives.
    """

    trt: TensorRt
    target: Target
    messages: Messages
    by_graph: dict[str, ICudaEngine]
    smallest_batch: int
    largest_batch: int

    @property
    def scratch_bytes(self) -> int:
        """Working memory of the hungriest one; they run one after another and can share it."""
        return max(engine.device_memory_size_v2 for engine in self.by_graph.values())


def load_engines(bundle: Bundle, target: Target, trt: TensorRt, specs: list[EngineSpec]) -> Engines:
    """Load engines that `find_engines` has found.

    Raises:
        BundleDamagedError: an engine's file is not what the manifest records.
        BackendError: TensorRT refuses one, or it has other tensors than its graph.
    """
    messages = collect_messages(trt)
    runtime = trt.Runtime(messages)
    engines: dict[str, ICudaEngine] = {}
    for spec in specs:
        engine = runtime.deserialize_cuda_engine(read_engine(bundle, spec))
        if engine is None:
            raise BackendError(
                f"{bundle.file(spec.file)}: {target} cannot load the engine: "
                f"{last_error(messages)}; build the engines again with `diad-export engines`"
            )
        faults = list(_mismatches(trt, engine, bundle.manifest.graph(spec.graph)))
        if faults:
            raise BackendError(
                f"{bundle.file(spec.file)}: the engine is not of the manifest's graph: "
                f"{'; '.join(faults)}; build the engines again with `diad-export engines`"
            )
        engines[spec.graph] = engine
    smallest, largest = _batch_sizes(bundle, engines)
    return Engines(
        trt=trt,
        target=target,
        messages=messages,
        by_graph=engines,
        smallest_batch=smallest,
        largest_batch=largest,
    )


def make_context(
    engines: Engines, graph: GraphSpec, batch: int, stream: int, scratch: tuple[int, int]
) -> IExecutionContext:
    """A context for one batch size, without tensors' addresses.

    Args:
        engines: the loaded engines.
        graph: whose engine.
        batch: pictures a batch.
        stream: the stream it will run and be recorded on.
        scratch: address and size in bytes of working memory, at least `engines.scratch_bytes`.

    Raises:
        BackendError: TensorRT refuses, or what it runs cannot be recorded.
    """
    context = _new_context(engines, engines.by_graph[graph.name])
    if context is None:
        raise _refusal(engines, graph.name, "make a context")
    for tensor in graph.inputs:
        if not context.set_input_shape(tensor.name, _sizes(tensor, batch)):
            raise _refusal(engines, graph.name, f"take {tensor.name} {_sizes(tensor, batch)}")
    unknown = context.infer_shapes()
    if unknown:
        raise _refusal(engines, graph.name, f"tell the shapes of {', '.join(unknown)}")
    context.set_device_memory(*scratch)
    if hasattr(context, "is_stream_capturable"):
        recordable = cast(RtxExecutionContext, context).is_stream_capturable(stream)
        if not recordable:
            raise _refusal(engines, graph.name, "have its work recorded into a CUDA graph")
    return context


def _new_context(engines: Engines, engine: ICudaEngine) -> IExecutionContext | None:
    strategy = engines.trt.ExecutionContextAllocationStrategy.USER_MANAGED
    if engines.target == "tensorrt":
        return engine.create_execution_context(strategy)
    configuration = cast(RtxCudaEngine, engine).create_runtime_config()
    configuration.set_execution_context_allocation_strategy(strategy)
    # lazily, kernels would be exchanged behind a recording's back
    configuration.dynamic_shapes_kernel_specialization_strategy = cast(
        RtxTensorRt, engines.trt
    ).DynamicShapesKernelSpecializationStrategy.EAGER
    return engine.create_execution_context(configuration)


def _refusal(engines: Engines, graph: str, what: str) -> BackendError:
    return BackendError(
        f"{graph}: {engines.target} refuses to {what}: {last_error(engines.messages)}; build the "
        f"engines again with `diad-export engines`, or take --backend onnxruntime"
    )


def _batch_sizes(bundle: Bundle, engines: dict[str, ICudaEngine]) -> tuple[int, int]:
    """The smallest and the largest batch that every engine's own profile holds."""
    ranges = [
        (int(smallest[0]), int(largest[0]))
        for name, engine in engines.items()
        for tensor in bundle.manifest.graph(name).inputs
        if isinstance(tensor.shape[0], str)
        for smallest, _, largest in [engine.get_tensor_profile_shape(tensor.name, _PROFILE)]
    ]
    smallest = max(low for low, _ in ranges)
    largest = min(high for _, high in ranges)
    if smallest > largest:
        raise BackendError(
            f"{bundle.path}: no batch size fits all engines: one takes at least {smallest}, "
            f"another at most {largest}; build the engines again with `diad-export engines`"
        )
    return smallest, largest


def _mismatches(trt: TensorRt, engine: ICudaEngine, graph: GraphSpec) -> Iterator[str]:
    types = {"float32": trt.DataType.FLOAT, "float16": trt.DataType.HALF}
    names = {engine.get_tensor_name(index) for index in range(engine.num_io_tensors)}
    expected = {tensor.name for tensor in (*graph.inputs, *graph.outputs)}
    if names != expected:
        yield f"expected tensors {', '.join(sorted(expected))}, found {', '.join(sorted(names))}"
        return
    for mode, tensors in (
        (trt.TensorIOMode.INPUT, graph.inputs),
        (trt.TensorIOMode.OUTPUT, graph.outputs),
    ):
        for tensor in tensors:
            shape = tuple(int(size) for size in engine.get_tensor_shape(tensor.name))
            dtype = engine.get_tensor_dtype(tensor.name)
            if engine.get_tensor_mode(tensor.name) != mode:
                yield f"{tensor.name}: expected {mode}, found {engine.get_tensor_mode(tensor.name)}"
            if dtype != types.get(tensor.dtype) or not _same_shape(tensor, shape):
                yield (
                    f"{tensor.name}: expected {tensor.dtype} {list(tensor.shape)}, found {dtype} "
                    f"{list(shape)}"
                )


def _same_shape(tensor: TensorSpec, found: tuple[int, ...]) -> bool:
    return len(tensor.shape) == len(found) and all(
        size == expected or not isinstance(expected, int)
        for expected, size in zip(tensor.shape, found, strict=True)
    )


def _sizes(tensor: TensorSpec, batch: int) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else batch for size in tensor.shape)
