"""Memory, streams and events of the GPU that are released together."""

import ctypes
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diad_deploy.backends.cuda.api import CallResult
from diad_deploy.backends.cuda.calls import Cuda

ALIGNMENT = 256
"""Alignment of addresses in bytes, required by TensorRT and guaranteed by cudaMalloc."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PinnedMemory:
    """Pinned host memory: its address and its bytes."""

    address: int
    data: npt.NDArray[np.uint8]


class CudaResources:
    """Allocates resources; `close` releases all of them in reverse order.

    Args:
        cuda: the runtime.
    """

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._stack = ExitStack()

    def device(self, size_bytes: int, purpose: str) -> int:
        """Allocate GPU memory and return its address, aligned to `ALIGNMENT`.

        Raises:
            CudaError: there is not enough memory.
        """
        api = self._cuda.api
        action = f"allocating {size_bytes} bytes for {purpose}"
        address: int = self._cuda.check(api.cudaMalloc(size_bytes), action)
        self._free_on_close(api.cudaFree, address)
        return address

    def pinned(self, size_bytes: int, purpose: str) -> PinnedMemory:
        """Allocate pinned host memory.

        Raises:
            CudaError: there is not enough memory.
        """
        api = self._cuda.api
        action = f"allocating {size_bytes} pinned bytes for {purpose}"
        flags = api.cudaHostAllocDefault
        address: int = self._cuda.check(api.cudaHostAlloc(size_bytes, flags), action)
        self._free_on_close(api.cudaFreeHost, address)
        memory = (ctypes.c_uint8 * size_bytes).from_address(address)
        return PinnedMemory(address=address, data=np.ctypeslib.as_array(memory))

    def stream(self) -> Any:
        """Create a stream that does not synchronise with the default one.

        Raises:
            CudaError: the call failed.
        """
        api = self._cuda.api
        stream = self._cuda.check(
            api.cudaStreamCreateWithFlags(api.cudaStreamNonBlocking), "creating a stream"
        )
        self._free_on_close(api.cudaStreamDestroy, stream)
        return stream

    def event(self) -> Any:
        """Create an event without timing.

        Raises:
            CudaError: the call failed.
        """
        api = self._cuda.api
        event = self._cuda.check(
            api.cudaEventCreateWithFlags(api.cudaEventDisableTiming), "creating an event"
        )
        self._free_on_close(api.cudaEventDestroy, event)
        return event

    def close(self) -> None:
        """Release everything. Can be called more than once."""
        self._stack.close()

    def _free_on_close(self, free: Callable[[Any], CallResult], handle: Any) -> None:
        # the result is ignored: it repeats an error that work on the GPU has raised before
        self._stack.callback(free, handle)
