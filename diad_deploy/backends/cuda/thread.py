"""The thread that makes a model's CUDA calls."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import get_ident
from typing import Protocol, TypeVar

from diad_deploy.backends.cuda.calls import Cuda
from diad_deploy.errors import BackendError, CudaError, DiadError


class Closable(Protocol):
    """Has memory to be released."""

    def close(self) -> None:
        """Release it. Can be called more than once."""


T = TypeVar("T")
C = TypeVar("C", bound=Closable)


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
                "the program is ending, and with it the model's thread; detect before that"
            ) from error

    def call_last(self, function: Callable[[], None]) -> None:
        """Call `function` in the thread, wait, and end the thread.

        At the program's end, the thread has ended before what `atexit` holds is called: there the
        caller's thread does it.
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
    """What `make` gives, called in a new thread that it takes over; ended where it fails.

    Where Ctrl-C comes meanwhile, what is made is waited for and closed.

    Raises:
        CudaError: as of `CudaThread.call`. What `make` raises comes through.
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
