"""Capture of a stream's work into a CUDA graph, which is replayed with a single launch."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from diad_deploy.backends.cuda.calls import Cuda

_CAPTURING = Lock()
"""Allows one capture at a time in the process, since the garbage collector is disabled for it."""


def capture(cuda: Cuda, stream: Any, enqueue: Callable[[], object]) -> Any:
    """Capture the work that `enqueue` puts on `stream` into an executable CUDA graph.

    Nothing is executed during the capture. The graph contains the addresses that the work uses.
    The caller destroys it with `cudaGraphExecDestroy`.

    Args:
        cuda: the runtime.
        stream: a stream other than the default one, which is not being captured.
        enqueue: puts the work on the stream, in the calling thread, without waiting for the GPU.

    Raises:
        CudaError: the work cannot be captured. Errors of `enqueue` are passed on. In both cases
            the capture has ended and no graph is left.
    """
    api = cuda.api
    # in this mode, allocations of other threads do not invalidate the capture
    mode = api.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
    with gc_disabled():
        cuda.check(api.cudaStreamBeginCapture(stream, mode), "beginning a capture")
        try:
            enqueue()
        except BaseException:
            abort_capture(cuda, stream)
            raise
        graph = cuda.check(api.cudaStreamEndCapture(stream), "ending a capture")
    try:
        executable = cuda.check(api.cudaGraphInstantiate(graph, 0), "instantiating a CUDA graph")
    finally:
        # the executable does not need the graph
        api.cudaGraphDestroy(graph)
    try:
        # allocates what the first launch would otherwise allocate
        cuda.check(api.cudaGraphUpload(executable, stream), "uploading a CUDA graph")
    except BaseException:
        api.cudaGraphExecDestroy(executable)
        raise
    return executable


@contextmanager
def gc_disabled() -> Iterator[None]:
    """Disable the garbage collector during a capture.

    It could finalise an unrelated context or tensor that frees GPU memory, and such a call in the
    capturing thread invalidates the capture.
    """
    with _CAPTURING:
        enabled = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if enabled:
                gc.enable()


def abort_capture(cuda: Cuda, stream: Any) -> None:
    """End the capture of a stream, if there is one, and discard its graph."""
    error, graph = cuda.api.cudaStreamEndCapture(stream)
    if error == cuda.api.cudaError_t.cudaSuccess:
        cuda.api.cudaGraphDestroy(graph)
