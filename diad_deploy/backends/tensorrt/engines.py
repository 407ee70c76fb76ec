"""The four engines, loaded and checked, and contexts that run them.

What TensorRT-RTX compiles for the GPU at hand goes into one cache for all of them, which is kept
from one start to the next (`runtime_cache`).
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from diad_deploy.backends.cuda.calls import Gpu
from diad_deploy.backends.tensorrt.api import (
    RAISED,
    ICudaEngine,
    IExecutionContext,
    Messages,
    RtxCudaEngine,
    RtxExecutionContext,
    RtxRuntimeCache,
    RtxTensorRt,
    Runtime,
    TensorRt,
    collect_messages,
    last_error,
    refusals_told,
)
from diad_deploy.backends.tensorrt.engine_files import read_engine
from diad_deploy.backends.tensorrt.runtime_cache import RuntimeCacheFile
from diad_deploy.bundle.engine_spec import EngineSpec, Target
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import GraphSpec, TensorSpec
from diad_deploy.errors import BackendError

_PROFILE = 0
"""Engines have one optimization profile."""


class KeptKernels:
    """What TensorRT-RTX compiled for these engines on this GPU, and the file it is kept in.

    Args:
        cache: empty; lives as long as any context that was made with it.
        file: read at once, where it fits.
    """

    def __init__(self, cache: RtxRuntimeCache, file: RuntimeCacheFile) -> None:
        self.cache = cache
        self._file = file
        content = file.read()
        # TensorRT-RTX refuses what another GPU, driver or version has left
        fits = content is not None and cache.deserialize(content)
        self._kept_bytes = len(content) if content is not None and fits else 0

    def keep(self) -> None:
        """Write the file, where kernels came to those that it holds."""
        content = b""
        with suppress(*RAISED):
            content = bytes(self.cache.serialize() or b"")
        if len(content) > self._kept_bytes:
            self._file.write(content)
            self._kept_bytes = len(content)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Engines:
    """Loaded engines by graph, and the batch sizes that all of them take.

    Logger and runtime stand here because TensorRT asks for them as long as anything made with them
    lives. `kernels` is None for TensorRT, which compiles when it builds.
    """

    trt: TensorRt
    target: Target
    messages: Messages
    runtime: Runtime
    by_graph: dict[str, ICudaEngine]
    kernels: KeptKernels | None
    smallest_batch: int
    largest_batch: int

    @property
    def scratch_bytes(self) -> int:
        """Working memory of the hungriest one; they run one after another and can share it."""
        return max(engine.device_memory_size_v2 for engine in self.by_graph.values())

    def keep_kernels(self) -> None:
        """Have the next start find what was compiled; to be called once all batch sizes have run.

        Where it cannot be kept, the next start compiles it again.
        """
        if self.kernels is not None:
            self.kernels.keep()


def load_engines(
    bundle: Bundle, target: Target, trt: TensorRt, specs: list[EngineSpec], gpu: Gpu
) -> Engines:
    """Load engines that `find_engines` has found for `gpu`, which is the current device.

    Raises:
        BundleDamagedError: an engine's file is not what the manifest records.
        BackendError: TensorRT refuses one, or it has other tensors than its graph.
    """
    messages = collect_messages(trt)
    with refusals_told(messages, f"{bundle.path}: loading the {target} engines"):
        runtime = trt.Runtime(messages)
        engines = {spec.graph: _load_engine(bundle, spec, trt, runtime, messages) for spec in specs}
        smallest, largest = _batch_sizes(bundle, engines)
    return Engines(
        trt=trt,
        target=target,
        messages=messages,
        runtime=runtime,
        by_graph=engines,
        kernels=_find_kernels(bundle, target, trt, engines, gpu),
        smallest_batch=smallest,
        largest_batch=largest,
    )


def _load_engine(
    bundle: Bundle, spec: EngineSpec, trt: TensorRt, runtime: Runtime, messages: Messages
) -> ICudaEngine:
    engine = runtime.deserialize_cuda_engine(read_engine(bundle, spec))
    if engine is None:
        raise BackendError(
            f"{bundle.file(spec.file)}: {spec.target} cannot load the engine: "
            f"{last_error(messages)}; build the engines again with `diad-export engines`, or free "
            f"the GPU's memory if it ran out"
        )
    faults = list(_mismatches(trt, engine, bundle.manifest.graph(spec.graph)))
    if faults:
        raise BackendError(
            f"{bundle.file(spec.file)}: the engine is not of the manifest's graph: "
            f"{'; '.join(faults)}; build the engines again with `diad-export engines`"
        )
    return engine


def make_context(
    engines: Engines, graph: GraphSpec, batch: int, scratch: tuple[int, int]
) -> IExecutionContext:
    """A context for one batch size, without tensors' addresses.

    Args:
        engines: the loaded engines.
        graph: whose engine.
        batch: images a batch.
        scratch: address and size in bytes of working memory, at least `engines.scratch_bytes`.

    Raises:
        BackendError: TensorRT refuses.
    """
    doing = f"{graph.name}: making {engines.target} ready for a batch of {batch}"
    with refusals_told(engines.messages, doing):
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
        return context


def check_recordable(engines: Engines, graph: str, context: IExecutionContext, stream: int) -> None:
    """Check that a context, whose tensors all have their addresses, can be recorded on a stream.

    Raises:
        BackendError: it cannot.
    """
    if hasattr(context, "is_stream_capturable"):
        recordable = cast(RtxExecutionContext, context).is_stream_capturable(stream)
        if not recordable:
            raise _refusal(engines, graph, "have its work recorded into a CUDA graph")


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
    if engines.kernels is not None:
        configuration.set_runtime_cache(engines.kernels.cache)
    return engine.create_execution_context(configuration)


def _find_kernels(
    bundle: Bundle, target: Target, trt: TensorRt, engines: dict[str, ICudaEngine], gpu: Gpu
) -> KeptKernels | None:
    if target == "tensorrt":
        return None
    # any engine makes one, and all of them can use it
    anyone = cast(RtxCudaEngine, next(iter(engines.values())))
    with suppress(*RAISED):
        cache = anyone.create_runtime_config().create_runtime_cache()
        if cache is not None:
            return KeptKernels(cache, RuntimeCacheFile(bundle.manifest, gpu, trt.__version__))
    return None


def _refusal(engines: Engines, graph: str, what: str) -> BackendError:
    return BackendError(
        f"{graph}: {engines.target} refuses to {what}: {last_error(engines.messages)}; if "
        f"memory ran out, take a smaller --batch-size; else build the engines again with "
        f"`diad-export engines`, or take --backend onnxruntime"
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
