"""Work recorded once on a stream and replayed as one launch."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from diad_deploy.backends.cuda_calls import Cuda


class _Collector:
    """Garbage collection, off while any thread records.

    What a collection finds may be anybody's, a tensor or a context of another library: freeing it
    in the thread that records breaks the recording.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._recordings = 0
        self._was_on = False

    def rest(self) -> None:
        """One recording more."""
        with self._lock:
            if not self._recordings:
                self._was_on = gc.isenabled()
                gc.disable()
            self._recordings += 1

    def go_on(self) -> None:
        """One less; after the last one it is as it was before the first."""
        with self._lock:
            self._recordings -= 1
            if not self._recordings and self._was_on:
                gc.enable()


_collector = _Collector()


def record(cuda: Cuda, stream: Any, enqueue: Callable[[], object]) -> Any:
    """A CUDA graph, ready to launch, of what `enqueue` puts on `stream`.

    Nothing of it runs while it is recorded. The addresses it works on are part of the graph. The
    caller destroys it with `cudaGraphExecDestroy`.

    Args:
        cuda: the runtime.
        stream: not the default one, with nothing being recorded on it.
        enqueue: puts the work on the stream, from this thread; it must not wait for the GPU.

    Raises:
        CudaError: the work cannot be recorded. What `enqueue` raises comes through; in either
            case the stream is out of recording and nothing of the graph is left.
    """
    api = cuda.api
    # other threads may allocate meanwhile: what they do is none of this recording's business
    mode = api.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
    with without_finalisers():
        cuda.check(api.cudaStreamBeginCapture(stream, mode), "beginning to record")
        try:
            enqueue()
        except BaseException:
            end_recording(cuda, stream)
            raise
        graph = cuda.check(api.cudaStreamEndCapture(stream), "ending a recording")
    try:
        return cuda.check(api.cudaGraphInstantiate(graph, 0), "making a recording ready")
    finally:
        # what is ready to launch holds all it needs
        api.cudaGraphDestroy(graph)


@contextmanager
def without_finalisers() -> Iterator[None]:
    """Put off garbage collection: what it frees on the GPU would break a recording."""
    _collector.rest()
    try:
        yield
    finally:
        _collector.go_on()


def end_recording(cuda: Cuda, stream: Any) -> None:
    """Take a stream out of recording, if it is in it, and forget what was recorded."""
    error, graph = cuda.api.cudaStreamEndCapture(stream)
    if error == cuda.api.cudaError_t.cudaSuccess:
        cuda.api.cudaGraphDestroy(graph)
