"""Calls of the CUDA runtime whose failures are named errors, and the GPU they find."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Self, cast

from diad_deploy.backends.cuda.api import Answer, Cudart, DeviceProperties
from diad_deploy.errors import BackendError, CudaError

_WAYS_OUT = {
    "cudaErrorMemoryAllocation": "take a smaller --batch-size, or free the GPU's memory",
    "cudaErrorNoDevice": "expected an NVIDIA GPU; --device cpu runs without one",
    "cudaErrorInsufficientDriver": (
        "expected an NVIDIA GPU and its driver, 580 or newer for CUDA 13, 525 or newer for CUDA "
        "12; install it (in a container: docker run --gpus all), pip install "
        '"diad_deploy[gpu-cuda12]" for an older one, or take --device cpu'
    ),
}
_OTHER_WAY_OUT = "start again; if it stays, update NVIDIA's driver, or take --device cpu"


@dataclass(frozen=True, slots=True)
class Cuda:
    """The CUDA runtime on one device: `cuda.check(cuda.api.cudaMalloc(n), "allocating ...")`.

    Attributes:
        api: the library.
        device: index among the GPUs that the process sees (CUDA_VISIBLE_DEVICES restricts them).
    """

    api: Cudart
    device: int = 0

    @classmethod
    def load(cls, device: int = 0) -> Self:
        """Import the library; nothing is asked of the GPU yet.

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
        """Make the device the calling thread's, and its calls safe beside recordings of others.

        Raises:
            CudaError: there is no such device, or it has failed.
        """
        self.check(self.api.cudaSetDevice(self.device), f"taking device cuda:{self.device}")
        self.exchange_mode(self.api.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal)

    def exchange_mode(self, mode: Any) -> Any:
        """Give the calling thread a capture mode, and return the one that it had.

        A recording that another thread begins in the global mode, as ONNX Runtime does, breaks by
        calls of threads that are in the global mode, too, which is every thread's first.

        Raises:
            CudaError: as the runtime says.
        """
        return self.check(self.api.cudaThreadExchangeStreamCaptureMode(mode), "preparing a thread")

    def check(self, answer: Answer, doing: str) -> Any:
        """What a call gave besides its error: nothing, one value, or a tuple of several.

        Raises:
            CudaError: it failed; the message says while doing what.
        """
        error, *values = answer
        if error != self.api.cudaError_t.cudaSuccess:
            raise self._failure(error, doing)
        return tuple(values) if len(values) > 1 else values[0] if values else None

    def _failure(self, error: Any, doing: str) -> CudaError:
        name = self.api.cudaGetErrorName(error)[1].decode()
        meaning = self.api.cudaGetErrorString(error)[1].decode()
        way_out = _WAYS_OUT.get(name, _OTHER_WAY_OUT)
        return CudaError(name, f"{doing}: CUDA answered {name} ({meaning}); {way_out}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """The GPU: its name and its compute capability, such as `8.9`."""

    name: str
    compute_capability: str


def find_gpu(cuda: Cuda) -> Gpu:
    """The GPU that `cuda` stands for.

    Raises:
        CudaError: there is none, or no driver for it.
    """
    cuda.check(cuda.api.cudaGetDeviceCount(), "looking for a GPU")
    found: DeviceProperties = cuda.check(
        cuda.api.cudaGetDeviceProperties(cuda.device), "asking the GPU what it is"
    )
    name = found.name.decode(errors="replace").rstrip("\0")
    return Gpu(name=name, compute_capability=f"{found.major}.{found.minor}")


def check_room(cuda: Cuda, gpu: Gpu, needs: dict[str, int]) -> None:
    """Check that the GPU has so many bytes free.

    Args:
        cuda: the runtime.
        gpu: for the message.
        needs: bytes by what they are for.

    Raises:
        BackendError: it has less; the message holds each need.
    """
    free, total = cuda.check(cuda.api.cudaMemGetInfo(), "asking how much memory is free")
    needed = sum(needs.values())
    if needed > free:
        parts = ", ".join(f"{_mib(size)} {what}" for what, size in needs.items())
        raise BackendError(
            f"{gpu.name}: too little memory: expected about {_mib(needed)} ({parts}), found "
            f"{_mib(free)} free of {_mib(total)}; take a smaller --batch-size, or free the GPU's "
            f"memory"
        )


def _mib(size: int) -> str:
    return f"{-(-size // 2**20)} MiB"
