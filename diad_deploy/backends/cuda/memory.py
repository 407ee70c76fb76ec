"""Memory, streams and events of the GPU that are let go together."""

import ctypes
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diad_deploy.backends.cuda.api import Answer
from diad_deploy.backends.cuda.calls import Cuda

ALIGNMENT = 256
"""Bytes: what TensorRT asks of an address, and what cudaMalloc keeps."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PinnedMemory:
    """Memory of the host that the GPU copies from and to by itself: its address and its bytes."""

    address: int
    data: npt.NDArray[np.uint8]


class CudaResources:
    """Allocates; `close` lets go of everything, last things first.

    Args:
        cuda: the runtime.
    """

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._stack = ExitStack()

    def device(self, size_bytes: int, what: str) -> int:
        """The address of new memory on the GPU, aligned to `ALIGNMENT`.

        Raises:
            CudaError: there is too little.
        """
        api = self._cuda.api
        doing = f"allocating {size_bytes} bytes for {what}"
        address: int = self._cuda.check(api.cudaMalloc(size_bytes), doing)
        self.owned(api.cudaFree, address)
        return address

    def pinned(self, size_bytes: int, what: str) -> PinnedMemory:
        """New pinned memory of the host.

        Raises:
            CudaError: there is too little.
        """
        api = self._cuda.api
        doing = f"allocating {size_bytes} pinned bytes for {what}"
        flags = api.cudaHostAllocDefault
        address: int = self._cuda.check(api.cudaHostAlloc(size_bytes, flags), doing)
        self.owned(api.cudaFreeHost, address)
        memory = (ctypes.c_uint8 * size_bytes).from_address(address)
        return PinnedMemory(address=address, data=np.ctypeslib.as_array(memory))

    def stream(self) -> Any:
        """A new stream that does not wait for the default one; its work ends before it goes.

        Raises:
            CudaError: as the runtime says.
        """
        api = self._cuda.api
        stream = self._cuda.check(
            api.cudaStreamCreateWithFlags(api.cudaStreamNonBlocking), "making a stream"
        )
        self.owned(api.cudaStreamDestroy, stream)
        return stream

    def event(self) -> Any:
        """A new event without a clock.

        Raises:
            CudaError: as the runtime says.
        """
        api = self._cuda.api
        event = self._cuda.check(
            api.cudaEventCreateWithFlags(api.cudaEventDisableTiming), "making an event"
        )
        self.owned(api.cudaEventDestroy, event)
        return event

    def owned(self, free: Callable[[Any], Answer], handle: Any) -> None:
        """Have `close` call `free(handle)`."""
        # the answer is not looked at: it repeats an error that work on the GPU has raised before
        self._stack.callback(free, handle)

    def close(self) -> None:
        """Let go of everything; safe to call again."""
        self._stack.close()
