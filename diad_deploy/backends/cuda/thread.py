"""The thread that makes the CUDA calls of a model."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import get_ident
from typing import Protocol, TypeVar

from diad_deploy.backends.cuda.calls import Cuda
from diad_deploy.errors import BackendError, CudaError, DiadError


class Closable(Protocol):
    """An object with resources."""

    def close(self) -> None:
        """Release the resources. Can be called more than once."""


T = TypeVar("T")
C = TypeVar("C", bound=Closable)


class CudaThread:
    """A thread for one model, in which the model's device is current.

    CUDA's current device is a property of the thread. This way the caller's does not change, and a
    model can be called from any thread. ONNX Runtime also keeps its CUDA graphs per thread.

    Args:
        cuda: the runtime for the model's device.
    """

    def __init__(self, cuda: Cuda) -> None:
        self.cuda = cuda
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="diad-cuda")
        self._ident: int | None = None
        self._closed = False

    def call(self, function: Callable[[], T]) -> T:
        """Call `function` in the thread and wait for its result.

        Called from the thread itself, it calls `function` directly.

        Raises:
            CudaError: there is no such device, or it has failed.
            BackendError: the thread has ended. Errors of `function` are passed on.
        """
        if get_ident() == self._ident:
            return function()
        if self._closed:
            raise BackendError("the model is closed; open it again")
        return self.begin(function).result()

    def begin(self, function: Callable[[], T]) -> "Future[T]":
        """Call `function` in the thread, without waiting.

        Raises:
            BackendError: the program is ending, and the thread has ended.
        """
        try:
            return self._pool.submit(self._prepared, function)
        except RuntimeError as error:
            raise BackendError(
                "the interpreter is shutting down and the model's thread has ended; detect earlier"
            ) from error

    def call_last(self, function: Callable[[], None]) -> None:
        """Call `function` in the thread, wait for it, and end the thread.

        When the interpreter shuts down, the thread ends before `atexit` handlers run; in this case
        `function` is called in the caller's thread.
        """
        try:
            try:
                pending = self.begin(function)
            except BackendError:
                with suppress(CudaError):
                    self.cuda.use()
                function()
            else:
                pending.result()
        finally:
            self.close()

    def close(self) -> None:
        """End the thread. Can be called more than once."""
        self._closed = True
        self._pool.shutdown()

    def _prepared(self, function: Callable[[], T]) -> T:
        if self._ident is None:
            self.cuda.use()
            self._ident = get_ident()
        return function()


def make_in_thread(cuda: Cuda, make: Callable[[CudaThread], C]) -> C:
    """Call `make` in a new thread, which its result owns; the thread ends if `make` fails.

    If Ctrl-C interrupts the caller, the result is waited for and closed.

    Raises:
        CudaError: there is no such device, or it has failed. Errors of `make` are passed on.
    """
    thread = CudaThread(cuda)
    made = thread.begin(lambda: make(thread))
    try:
        return made.result()
    except BaseException:
        try:
            if made.exception() is None:
                with suppress(DiadError):
                    made.result().close()
        finally:
            thread.close()
        raise
