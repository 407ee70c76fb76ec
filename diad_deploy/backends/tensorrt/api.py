"""What is used of TensorRT 10, 11 and TensorRT-RTX, and nothing else of them.

The type checker holds the backend to these names, and a test holds these names to the installed
library. All three have all of them, but for what the classes named `Rtx` say.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Protocol, cast

from diad_deploy.bundle.engine_spec import Target
from diad_deploy.errors import BackendError

MODULES: dict[Target, str] = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
RAISED = (RuntimeError, TypeError, ValueError, MemoryError)
"""What TensorRT's bindings raise: where a call answers nothing, and for what C++ throws."""
_KEPT_MESSAGES = 8


class IExecutionContext(Protocol):
    """One engine made ready for one batch size."""

    def set_input_shape(self, name: str, shape: tuple[int, ...], /) -> bool: ...
    def infer_shapes(self) -> list[str]: ...
    def set_tensor_address(self, name: str, address: int, /) -> bool: ...
    def set_device_memory(self, address: int, size: int, /) -> None: ...
    def execute_async_v3(self, stream: int, /) -> bool: ...


class RtxExecutionContext(Protocol):
    """What TensorRT-RTX has beside that, and TensorRT only in some versions."""

    def is_stream_capturable(self, stream: int, /) -> bool: ...


class RtxRuntimeCache(Protocol):
    """What TensorRT-RTX compiled for a GPU; serialised, a buffer, or None where that fails."""

    def serialize(self) -> Any: ...
    def deserialize(self, content: bytes, /) -> bool: ...


class RtxRuntimeConfig(Protocol):
    """How TensorRT-RTX makes a context."""

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
    """What TensorRT-RTX has beside that."""

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
    """What `tensorrt_rtx` has beside that."""

    DynamicShapesKernelSpecializationStrategy: RtxSpecializationStrategies


class Messages(Protocol):
    """A logger that keeps the last errors TensorRT spoke of."""

    errors: deque[str]


def import_tensorrt(target: Target) -> TensorRt:
    """The module for `target`.

    Raises:
        BackendError: it is not installed.
    """
    try:
        module = import_module(MODULES[target])
    # a stub that lacks its libraries raises what it likes
    except Exception as error:
        reason = " ".join(str(error).split())
        raise BackendError(
            f"{target}: {MODULES[target]} cannot be imported ({reason}); "
            f'pip install "diad_deploy[{target}]"'
        ) from error
    return cast(TensorRt, module)


def collect_messages(trt: TensorRt) -> Messages:
    """A logger for `trt.Runtime`; to be kept as long as anything made with it."""

    class Collector(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: deque[str] = deque(maxlen=_KEPT_MESSAGES)
            severity = trt.ILogger.Severity
            self._kept = (severity.INTERNAL_ERROR, severity.ERROR)

        def log(self, severity: Any, message: str) -> None:
            if severity in self._kept:
                self.errors.append(" ".join(message.split()))

    collector: Messages = Collector()
    return collector


@contextmanager
def refusals_told(messages: Messages, doing: str) -> Iterator[None]:
    """Have what TensorRT's bindings raise come out as one line.

    Raises:
        BackendError: they raised; the message holds what TensorRT said last.
    """
    try:
        yield
    except RAISED as error:
        said = last_error(messages) if messages.errors else " ".join(str(error).split())
        raise BackendError(
            f"{doing} failed: {said or type(error).__name__}; free the GPU's memory if it ran out, "
            f"build the engines again with `diad-export engines`, or take --backend onnxruntime"
        ) from error


def last_error(messages: Messages) -> str:
    """What TensorRT said last, for a message."""
    return messages.errors[-1] if messages.errors else "it gave no reason"
