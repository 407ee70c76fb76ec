"""Work recorded once on a stream and replayed as one launch."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from diad_deploy.backends.cuda.calls import Cuda

_RECORDING = Lock()
"""One recording at a time in the process: the garbage collector rests for all of them."""


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
        executable = cuda.check(api.cudaGraphInstantiate(graph, 0), "making a recording ready")
    finally:
        # what is ready to launch holds all it needs
        api.cudaGraphDestroy(graph)
    try:
        # what the first launch would allocate
        cuda.check(api.cudaGraphUpload(executable, stream), "making a recording ready")
    except BaseException:
        api.cudaGraphExecDestroy(executable)
        raise
    return executable


@contextmanager
def without_finalisers() -> Iterator[None]:
    """Keep the garbage collector from running, in this thread above all.

    It may find a context or a tensor of somebody else's, whose finaliser frees memory on the GPU:
    in the thread that records, that call breaks the recording.
    """
    with _RECORDING:
        running = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if running:
                gc.enable()


def end_recording(cuda: Cuda, stream: Any) -> None:
    """Take a stream out of recording, if it is in it, and forget what was recorded."""
    error, graph = cuda.api.cudaStreamEndCapture(stream)
    if error == cuda.api.cudaError_t.cudaSuccess:
        cuda.api.cudaGraphDestroy(graph)
