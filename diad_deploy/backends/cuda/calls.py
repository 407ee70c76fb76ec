"""Calls of the CUDA runtime that raise named errors, and the properties of the GPU."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Self, cast

from diad_deploy.backends.cuda.api import CallResult, Cudart, DeviceProperties
from diad_deploy.backends.cuda.driver import OLDEST_DRIVER
from diad_deploy.errors import BackendError, CudaError

_HINTS = {
    "cudaErrorMemoryAllocation": "use a smaller --batch-size, or free GPU memory",
    "cudaErrorNoDevice": "expected an NVIDIA GPU; use --device cpu to run without one",
    "cudaErrorInsufficientDriver": (
        f"expected an NVIDIA GPU and its driver, {OLDEST_DRIVER[13]} or newer for CUDA 13, "
        f"{OLDEST_DRIVER[12]} or newer for CUDA 12; install it (in a container: docker run --gpus "
        f'all), pip install "diad_deploy[gpu-cuda12]" for an older one, or use --device cpu'
    ),
}
_DEFAULT_HINT = "try again; if it persists, update the NVIDIA driver, or use --device cpu"


@dataclass(frozen=True, slots=True)
class Cuda:
    """The CUDA runtime for a device: `cuda.check(cuda.api.cudaMalloc(n), "allocating ...")`.

    Attributes:
        api: the library.
        device: index among the GPUs visible to the process (see CUDA_VISIBLE_DEVICES).
    """

    api: Cudart
    device: int = 0

    @classmethod
    def load(cls, device: int = 0) -> Self:
        """Import the library, without accessing the GPU.

        Raises:
            BackendError: cuda-bindings is not installed.
        """
        try:
            module = import_module("cuda.bindings.runtime")
        except ImportError as error:
            raise BackendError(
                f"CUDA's Python bindings cannot be imported ({error}); "
                f'pip install "diad_deploy[gpu]", "diad_deploy[tensorrt-rtx]" or '
                f'"diad_deploy[tensorrt]"'
            ) from error
        return cls(cast(Cudart, module), device)

    def use(self) -> None:
        """Make the device current in the calling thread, and its calls safe during captures.

        Raises:
            CudaError: there is no such device, or it has failed.
        """
        self.check(self.api.cudaSetDevice(self.device), f"selecting device cuda:{self.device}")
        self.exchange_capture_mode(self.api.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal)

    def exchange_capture_mode(self, mode: Any) -> Any:
        """Set the capture mode of the calling thread and return the previous one.

        A capture in global mode, as begun by ONNX Runtime, is invalidated by certain calls of
        other threads that are in global mode as well, which is the default of every thread.

        Raises:
            CudaError: the call failed.
        """
        result = self.api.cudaThreadExchangeStreamCaptureMode(mode)
        return self.check(result, "setting a thread's capture mode")

    def check(self, result: CallResult, action: str) -> Any:
        """Return what a call returned besides its error: None, a value, or a tuple of values.

        Raises:
            CudaError: the call failed; the message contains `action`.
        """
        error, *values = result
        if error != self.api.cudaError_t.cudaSuccess:
            raise self._error(error, action)
        return tuple(values) if len(values) > 1 else values[0] if values else None

    def _error(self, error: Any, action: str) -> CudaError:
        name = self.api.cudaGetErrorName(error)[1].decode()
        meaning = self.api.cudaGetErrorString(error)[1].decode()
        hint = _HINTS.get(name, _DEFAULT_HINT)
        return CudaError(name, f"{action} failed with {name} ({meaning}); {hint}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A GPU: its name and its compute capability, such as `8.9`."""

    name: str
    compute_capability: str


def query_gpu(cuda: Cuda) -> Gpu:
    """The properties of the device of `cuda`.

    Raises:
        CudaError: there is no such GPU, or no driver for it.
    """
    cuda.check(cuda.api.cudaGetDeviceCount(), "counting GPUs")
    properties: DeviceProperties = cuda.check(
        cuda.api.cudaGetDeviceProperties(cuda.device), "querying the GPU's properties"
    )
    name = properties.name.decode(errors="replace").rstrip("\0")
    return Gpu(name=name, compute_capability=f"{properties.major}.{properties.minor}")


def check_free_memory(cuda: Cuda, gpu: Gpu, needs: dict[str, int]) -> None:
    """Check that the GPU has enough free memory.

    Args:
        cuda: the runtime.
        gpu: for the message.
        needs: bytes by purpose.

    Raises:
        BackendError: it has less; the message lists each purpose.
    """
    free, total = cuda.check(cuda.api.cudaMemGetInfo(), "querying free memory")
    needed = sum(needs.values())
    if needed > free:
        parts = ", ".join(f"{_mib(size)} {purpose}" for purpose, size in needs.items())
        raise BackendError(
            f"{gpu.name}: not enough memory: expected about {_mib(needed)} ({parts}), found "
            f"{_mib(free)} free of {_mib(total)}; use a smaller --batch-size, or free GPU memory"
        )


def _mib(size: int) -> str:
    return f"{-(-size // 2**20)} MiB"
