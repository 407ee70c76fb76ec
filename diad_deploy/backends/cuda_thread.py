"""The thread that makes a model's CUDA calls."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import get_ident
from typing import TypeVar

from diad_deploy.backends.cuda_calls import Cuda
from diad_deploy.errors import BackendError

T = TypeVar("T")


class CudaThread:
    """A thread of a model's own, with the model's device as its current one.

    The current device is a property of the thread: so the caller's stays as it was, and whichever
    thread calls a model, its work goes to the right GPU. ONNX Runtime also keeps its recordings a
    thread.

    Args:
        cuda: the runtime, on the model's device.
    """

    def __init__(self, cuda: Cuda) -> None:
        self.cuda = cuda
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="diad-cuda")
        self._ident: int | None = None
        self._closed = False

    def call(self, function: Callable[[], T]) -> T:
        """Call `function` in the thread, and wait; in the thread itself, call it at once.

        Raises:
            CudaError: there is no such device, or it has failed. What `function` raises comes
                through.
            BackendError: the thread was ended.
        """
        if get_ident() == self._ident:
            return function()
        if self._closed:
            raise BackendError("the model is closed; open it again")
        return self._pool.submit(self._prepared, function).result()

    def close(self) -> None:
        """End the thread. Can be called more than once."""
        self._closed = True
        self._pool.shutdown()

    def _prepared(self, function: Callable[[], T]) -> T:
        if self._ident is None:
            self.cuda.use()
            self._ident = get_ident()
        return function()


def make_in_thread(cuda: Cuda, make: Callable[[CudaThread], T]) -> T:
    """What `make` gives, called in a new thread that it takes over; ended where it fails.

    Raises:
        CudaError: as of `CudaThread.call`. What `make` raises comes through.
    """
    thread = CudaThread(cuda)
    try:
        return thread.call(lambda: make(thread))
    except BaseException:
        thread.close()
        raise
