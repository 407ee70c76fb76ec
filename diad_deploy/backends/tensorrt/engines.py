"""The four engines and the contexts that run them.

TensorRT-RTX compiles kernels for the GPU when it runs. These go to a cache shared by the engines,
which is stored on disk for the next start (`diad_deploy.backends.tensorrt.runtime_cache`).
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from diad_deploy.backends.cuda.calls import Gpu
from diad_deploy.backends.tensorrt.api import (
    BINDING_ERRORS,
    ErrorLog,
    ICudaEngine,
    IExecutionContext,
    RtxCudaEngine,
    RtxExecutionContext,
    RtxRuntimeCache,
    RtxTensorRt,
    Runtime,
    TensorRt,
    last_error,
    make_error_log,
    translate_errors,
)
from diad_deploy.backends.tensorrt.engine_files import read_engine
from diad_deploy.backends.tensorrt.runtime_cache import RuntimeCacheFile
from diad_deploy.bundle.engine_spec import EngineSpec, Target
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import GraphSpec, TensorSpec
from diad_deploy.errors import BackendError

_PROFILE = 0
"""Index of the only optimization profile."""


class KernelCache:
    """The kernels that TensorRT-RTX compiled for the engines on this GPU, and their file.

    Args:
        cache: an empty cache; must outlive all contexts that use it.
        file: the file; loaded into the cache if it is valid.
    """

    def __init__(self, cache: RtxRuntimeCache, file: RuntimeCacheFile) -> None:
        self.cache = cache
        self._file = file
        content = file.read()
        # TensorRT-RTX rejects kernels of another GPU, driver or version
        valid = content is not None and cache.deserialize(content)
        self._saved_bytes = len(content) if content is not None and valid else 0

    def save(self) -> None:
        """Write the file if there are new kernels."""
        content = b""
        with suppress(*BINDING_ERRORS):
            content = bytes(self.cache.serialize() or b"")
        if len(content) > self._saved_bytes:
            self._file.write(content)
            self._saved_bytes = len(content)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Engines:
    """Loaded engines by graph, and the range of batch sizes that all of them support.

    It also keeps the logger and the runtime, which must outlive everything created with them.
    `kernels` is None for TensorRT, which compiles kernels when an engine is built.
    """

    trt: TensorRt
    target: Target
    log: ErrorLog
    runtime: Runtime
    by_graph: dict[str, ICudaEngine]
    kernels: KernelCache | None
    smallest_batch: int
    largest_batch: int

    @property
    def scratch_bytes(self) -> int:
        """Largest working memory of an engine; they run in turn and can share it."""
        return max(engine.device_memory_size_v2 for engine in self.by_graph.values())

    def save_kernels(self) -> None:
        """Save compiled kernels for the next start; call it once all batch sizes have run.

        If they cannot be saved, the next start compiles them again.
        """
        if self.kernels is not None:
            self.kernels.save()


def load_engines(
    bundle: Bundle, target: Target, trt: TensorRt, specs: list[EngineSpec], gpu: Gpu
) -> Engines:
    """Load engines selected by `select_engines` for `gpu`, which is the current device.

    Raises:
        BundleDamagedError: an engine's file differs from the manifest.
        BackendError: TensorRT cannot load an engine, or its tensors differ from its graph's.
    """
    log = make_error_log(trt)
    with translate_errors(log, f"{bundle.path}: loading the {target} engines"):
        runtime = trt.Runtime(log)
        engines = {spec.graph: _load_engine(bundle, spec, trt, runtime, log) for spec in specs}
        smallest, largest = _batch_sizes(bundle, engines)
    return Engines(
        trt=trt,
        target=target,
        log=log,
        runtime=runtime,
        by_graph=engines,
        kernels=_open_kernel_cache(bundle, target, trt, engines, gpu),
        smallest_batch=smallest,
        largest_batch=largest,
    )


def _load_engine(
    bundle: Bundle, spec: EngineSpec, trt: TensorRt, runtime: Runtime, log: ErrorLog
) -> ICudaEngine:
    engine = runtime.deserialize_cuda_engine(read_engine(bundle, spec))
    if engine is None:
        raise BackendError(
            f"{bundle.file(spec.file)}: {spec.target} cannot load the engine: {last_error(log)}; "
            f"rebuild the engines with `diad-export engines`, or free GPU memory if it ran out"
        )
    faults = list(_mismatches(trt, engine, bundle.manifest.graph(spec.graph)))
    if faults:
        raise BackendError(
            f"{bundle.file(spec.file)}: the engine differs from the manifest's graph: "
            f"{'; '.join(faults)}; rebuild the engines with `diad-export engines`"
        )
    return engine


def make_context(
    engines: Engines, graph: GraphSpec, batch: int, scratch: tuple[int, int]
) -> IExecutionContext:
    """Create a context for a batch size. The addresses of its tensors are not set yet.

    Args:
        engines: the loaded engines.
        graph: the graph to run.
        batch: images per batch.
        scratch: address and size in bytes of working memory, at least `engines.scratch_bytes`.

    Raises:
        BackendError: TensorRT failed.
    """
    action = f"{graph.name}: preparing {engines.target} for a batch of {batch}"
    with translate_errors(engines.log, action):
        context = _new_context(engines, engines.by_graph[graph.name])
        if context is None:
            raise _engine_error(engines, graph.name, "create a context")
        for tensor in graph.inputs:
            shape = _sizes(tensor, batch)
            if not context.set_input_shape(tensor.name, shape):
                raise _engine_error(engines, graph.name, f"set {tensor.name} to shape {shape}")
        unknown = context.infer_shapes()
        if unknown:
            raise _engine_error(engines, graph.name, f"infer the shapes of {', '.join(unknown)}")
        context.set_device_memory(*scratch)
        return context


def check_capturable(engines: Engines, graph: str, context: IExecutionContext, stream: int) -> None:
    """Check that a context, whose tensors all have addresses, can be captured on a stream.

    Raises:
        BackendError: it cannot.
    """
    if hasattr(context, "is_stream_capturable"):
        capturable = cast(RtxExecutionContext, context).is_stream_capturable(stream)
        if not capturable:
            raise _engine_error(engines, graph, "be captured in a CUDA graph")


def _new_context(engines: Engines, engine: ICudaEngine) -> IExecutionContext | None:
    strategy = engines.trt.ExecutionContextAllocationStrategy.USER_MANAGED
    if engines.target == "tensorrt":
        return engine.create_execution_context(strategy)
    configuration = cast(RtxCudaEngine, engine).create_runtime_config()
    configuration.set_execution_context_allocation_strategy(strategy)
    # otherwise kernels would be replaced later, after they were captured
    configuration.dynamic_shapes_kernel_specialization_strategy = cast(
        RtxTensorRt, engines.trt
    ).DynamicShapesKernelSpecializationStrategy.EAGER
    if engines.kernels is not None:
        configuration.set_runtime_cache(engines.kernels.cache)
    return engine.create_execution_context(configuration)


def _open_kernel_cache(
    bundle: Bundle, target: Target, trt: TensorRt, engines: dict[str, ICudaEngine], gpu: Gpu
) -> KernelCache | None:
    if target == "tensorrt":
        return None
    # a cache created by one engine can be used by all of them
    engine = cast(RtxCudaEngine, next(iter(engines.values())))
    with suppress(*BINDING_ERRORS):
        cache = engine.create_runtime_config().create_runtime_cache()
        if cache is not None:
            return KernelCache(cache, RuntimeCacheFile(bundle.manifest, gpu, trt.__version__))
    return None


def _engine_error(engines: Engines, graph: str, action: str) -> BackendError:
    return BackendError(
        f"{graph}: {engines.target} cannot {action}: {last_error(engines.log)}; if it ran out of "
        f"memory, use a smaller --batch-size, otherwise rebuild the engines with `diad-export "
        f"engines`, or use --backend onnxruntime"
    )


def _batch_sizes(bundle: Bundle, engines: dict[str, ICudaEngine]) -> tuple[int, int]:
    """The smallest and the largest batch in the profiles of all engines."""
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
            f"{bundle.path}: no batch size fits all engines: one needs at least {smallest} images, "
            f"another takes at most {largest}; rebuild the engines with `diad-export engines`"
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
