"""The part of TensorRT 10, 11 and TensorRT-RTX that is used.

The type checker limits the backend to these names, and a test compares them with the installed
library. All three libraries have them, except for the classes named `Rtx`.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Protocol, cast

from diad_deploy.bundle.engine_spec import Target
from diad_deploy.errors import BackendError

MODULES: dict[Target, str] = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
BINDING_ERRORS = (RuntimeError, TypeError, ValueError, MemoryError)
"""Exceptions of TensorRT's Python bindings: for C++ exceptions, and if a call returns nothing."""
_KEPT_ERRORS = 8


class IExecutionContext(Protocol):
    """An engine prepared for a batch size."""

    def set_input_shape(self, name: str, shape: tuple[int, ...], /) -> bool: ...
    def infer_shapes(self) -> list[str]: ...
    def set_tensor_address(self, name: str, address: int, /) -> bool: ...
    def set_device_memory(self, address: int, size: int, /) -> None: ...
    def execute_async_v3(self, stream: int, /) -> bool: ...


class RtxExecutionContext(Protocol):
    """Further members in TensorRT-RTX, and in some versions of TensorRT."""

    def is_stream_capturable(self, stream: int, /) -> bool: ...


class RtxRuntimeCache(Protocol):
    """Kernels that TensorRT-RTX compiled; `serialize` returns a buffer, or None if it fails."""

    def serialize(self) -> Any: ...
    def deserialize(self, content: bytes, /) -> bool: ...


class RtxRuntimeConfig(Protocol):
    """Settings for creating a context in TensorRT-RTX."""

    dynamic_shapes_kernel_specialization_strategy: Any

    def set_execution_context_allocation_strategy(self, strategy: Any, /) -> None: ...
    def create_runtime_cache(self) -> RtxRuntimeCache | None: ...
    def set_runtime_cache(self, cache: RtxRuntimeCache, /) -> bool: ...


class ICudaEngine(Protocol):
    """A loaded engine."""

    num_io_tensors: int
    device_memory_size_v2: int

    def get_tensor_name(self, index: int, /) -> str: ...
    def get_tensor_mode(self, name: str, /) -> Any: ...
    def get_tensor_shape(self, name: str, /) -> Sequence[int]: ...
    def get_tensor_dtype(self, name: str, /) -> Any: ...
    def get_tensor_profile_shape(self, name: str, profile: int, /) -> Sequence[Sequence[int]]: ...
    def create_execution_context(self, how: Any, /) -> IExecutionContext | None: ...


class RtxCudaEngine(Protocol):
    """Further members of an engine in TensorRT-RTX."""

    def create_runtime_config(self) -> RtxRuntimeConfig: ...


class Runtime(Protocol):
    """Loads engines."""

    def deserialize_cuda_engine(self, engine: bytes, /) -> ICudaEngine | None: ...


class DataTypes(Protocol):
    """Members of `DataType`."""

    FLOAT: Any
    HALF: Any


class TensorIOModes(Protocol):
    """Members of `TensorIOMode`."""

    INPUT: Any
    OUTPUT: Any


class AllocationStrategies(Protocol):
    """Members of `ExecutionContextAllocationStrategy`."""

    USER_MANAGED: Any


class RtxSpecializationStrategies(Protocol):
    """Members of `DynamicShapesKernelSpecializationStrategy`."""

    EAGER: Any


class TensorRt(Protocol):
    """The module `tensorrt` or `tensorrt_rtx`."""

    __version__: str
    ILogger: Any
    DataType: DataTypes
    TensorIOMode: TensorIOModes
    ExecutionContextAllocationStrategy: AllocationStrategies

    def Runtime(self, logger: Any, /) -> Runtime: ...


class RtxTensorRt(Protocol):
    """Further members of the module `tensorrt_rtx`."""

    DynamicShapesKernelSpecializationStrategy: RtxSpecializationStrategies


class ErrorLog(Protocol):
    """A logger that keeps the last errors TensorRT reported."""

    errors: deque[str]


def import_tensorrt(target: Target) -> TensorRt:
    """Import the module for `target`.

    Raises:
        BackendError: it is not installed.
    """
    try:
        module = import_module(MODULES[target])
    # without its libraries, the module can raise any kind of exception
    except Exception as error:
        reason = " ".join(str(error).split())
        raise BackendError(
            f"{target}: {MODULES[target]} cannot be imported ({reason}); "
            f'pip install "diad_deploy[{target}]"'
        ) from error
    return cast(TensorRt, module)


def make_error_log(trt: TensorRt) -> ErrorLog:
    """A logger for `trt.Runtime`, which must outlive everything created with it."""

    class Logger(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: deque[str] = deque(maxlen=_KEPT_ERRORS)
            severity = trt.ILogger.Severity
            self._kept = (severity.INTERNAL_ERROR, severity.ERROR)

        def log(self, severity: Any, message: str) -> None:
            if severity in self._kept:
                self.errors.append(" ".join(message.split()))

    logger: ErrorLog = Logger()
    return logger


@contextmanager
def translate_errors(log: ErrorLog, action: str) -> Iterator[None]:
    """Translate exceptions of TensorRT's Python bindings.

    Raises:
        BackendError: the bindings raised; the message contains the last error of TensorRT.
    """
    try:
        yield
    except BINDING_ERRORS as error:
        reason = last_error(log) if log.errors else " ".join(str(error).split())
        raise BackendError(
            f"{action} failed: {reason or type(error).__name__}; free GPU memory if it ran out, "
            f"rebuild the engines with `diad-export engines`, or use --backend onnxruntime"
        ) from error


def last_error(log: ErrorLog) -> str:
    """The last error that TensorRT reported."""
    return log.errors[-1] if log.errors else "no reason given"
