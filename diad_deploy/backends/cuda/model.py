"""A model on an NVIDIA GPU, for any library that runs the four graphs.

When the model opens, it prepares a fixed set of batch sizes: powers of two, and the largest. Other
batches are padded to the next size by repeating the last image, so nothing is prepared while
images are processed. All tensors keep their addresses for the model's lifetime.
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Protocol

import numpy as np

from diad_deploy.arrays import FloatArray
from diad_deploy.backends.cuda.memory import CudaResources
from diad_deploy.backends.cuda.pinned_copies import read_tensor, write_array
from diad_deploy.backends.cuda.tensors import DeviceTensor
from diad_deploy.backends.cuda.thread import CudaThread
from diad_deploy.backends.cuda.transfers import INPUTS, OUTPUTS, PendingBatch, Slot
from diad_deploy.backends.cuda.workspace import SLOTS, Workspace, make_workspace
from diad_deploy.backends.tracebacks import clear_frames
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.diffusion.stages import BatchResult, Collect, Pipeline
from diad_deploy.errors import BackendError, CudaError


class Program(Protocol):
    """The four graphs prepared for one batch size."""

    @property
    def outputs(self) -> dict[str, DeviceTensor]:
        """The tensors that `launch` writes its results to, by the names in `OUTPUTS`."""

    def launch(self) -> None:
        """Put the whole pipeline on the compute stream, without waiting for the GPU."""
        ...

    def run(self, pipeline: Pipeline) -> None:
        """Run another pipeline once, eagerly, without a CUDA graph."""
        ...

    def close(self) -> None:
        """Release the resources of this batch size."""
        ...


class Programs(Protocol):
    """The loaded engines or sessions of a backend."""

    def prepare(self, batch: int) -> Program:
        """Prepare a batch size; captures CUDA graphs if the backend uses them."""
        ...

    def close(self) -> None:
        """Release the engines or sessions; all programs have been closed before."""
        ...


class CudaModel:
    """The four graphs on a GPU. Can be called from several threads.

    It is created in its own thread, which makes all CUDA calls except waiting for results.

    Args:
        manifest: describes the graphs' tensors and the schedule.
        thread: the model's thread, which ends with the model.
        smallest_batch, largest_batch: range of the batch sizes that can run.
        load: creates the backend's programs in a workspace.

    Raises:
        CudaError: there is not enough memory.
        BackendError: `load` or `Programs.prepare` failed.
    """

    max_pending = SLOTS

    def __init__(
        self,
        manifest: Manifest,
        thread: CudaThread,
        *,
        smallest_batch: int,
        largest_batch: int,
        load: Callable[[Workspace], Programs],
    ) -> None:
        self._thread = thread
        self._cuda = cuda = thread.cuda
        self._largest = largest_batch
        self._lock = Lock()
        self._programs: dict[int, Program] = {}
        self._loaded: Programs | None = None
        self._slots: deque[Slot] = deque()
        self._closed = False
        self._resources = resources = CudaResources(cuda)
        try:
            self._workspace = space = make_workspace(manifest, cuda, largest_batch, resources)
            self._slots.extend(
                Slot(cuda, manifest, largest_batch, space.streams, resources) for _ in range(SLOTS)
            )
            self._loaded = load(space)
            for batch in batch_sizes(smallest_batch, largest_batch):
                self._programs[batch] = self._loaded.prepare(batch)
        except BaseException as error:
            # sessions and engines that its frames refer to must be gone before the streams are
            clear_frames(error)
            self._release()
            raise

    @property
    def largest_batch(self) -> int:
        """Largest number of images that run at once; `submit` splits larger batches."""
        return self._largest

    def submit(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Collect:
        """Begin a batch `[B, ...]`, split into parts of at most `largest_batch` images.

        Raises:
            BackendError: the model is closed, or failed.
        """
        arrays = dict(zip(INPUTS, (image, noise, posterior_noise), strict=True))
        parts = (slice(at, at + self._largest) for at in range(0, len(image), self._largest))
        pending = [self._begin({n: array[part] for n, array in arrays.items()}) for part in parts]
        return partial(_collect, pending)

    def run_eagerly(
        self, pipeline: Pipeline, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray
    ) -> None:
        """Run a pipeline on a batch of at most `largest_batch` images without a CUDA graph.

        The pipeline can read any tensor with `download`. The batch is padded to a prepared size by
        repeating its last image.

        Raises:
            BackendError: the model is closed, or failed.
        """
        arrays = dict(zip(INPUTS, (image, noise, posterior_noise), strict=True))
        with self._lock:
            self._check_open()
            self._thread.call(lambda: self._run_eagerly(pipeline, arrays))

    def download(self, tensor: DeviceTensor) -> FloatArray:
        """The content of a tensor of the stages, after all previous work is done.

        Raises:
            CudaError: the GPU has failed.
        """
        stream = self._workspace.streams.compute
        return self._thread.call(lambda: read_tensor(self._cuda, stream, tensor))

    def close(self) -> None:
        """Wait for running work and release all resources. Can be called more than once."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._thread.call_last(self._release)

    def _release(self) -> None:
        # a GPU that has failed cannot be synchronised, but everything must still be released
        with suppress(CudaError):
            if hasattr(self, "_workspace"):
                self._workspace.synchronize()
        for slot in self._slots:
            if slot.batch is not None:
                slot.batch.abandon()
        for program in self._programs.values():
            program.close()
        self._programs.clear()
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = None
        self._resources.close()

    def _check_open(self) -> None:
        if self._closed:
            raise BackendError("the model is closed; open it again")

    def _run_eagerly(self, pipeline: Pipeline, arrays: dict[str, FloatArray]) -> None:
        count = len(arrays["image"])
        batch = self._padded_size(count)
        inputs, space = self._workspace.inputs(batch), self._workspace
        space.synchronize()
        for name, array in arrays.items():
            padding = np.repeat(array[-1:], batch - count, axis=0)
            padded = np.ascontiguousarray(np.concatenate([array, padding]))
            write_array(self._cuda, space.streams.compute, inputs[name].address, padded)
        self._programs[batch].run(pipeline)
        space.synchronize()

    def _padded_size(self, count: int) -> int:
        """The smallest prepared batch size for `count` images."""
        return min(batch for batch in self._programs if batch >= count)

    def _begin(self, arrays: dict[str, FloatArray]) -> PendingBatch:
        """Begin at most `largest_batch` images once a slot is free."""
        while True:
            with self._lock:
                self._check_open()
                previous = self._slots[0].batch
                if previous is None or previous.done:
                    return self._thread.call(lambda: self._enqueue(arrays))
            # wait for the GPU without holding the lock or blocking the model's thread
            previous.wait()

    def _enqueue(self, arrays: dict[str, FloatArray]) -> PendingBatch:
        try:
            return self._enqueue_in(self._slots[0], arrays)
        except BaseException:
            # no work may still use memory that the next batch overwrites or `close` frees
            with suppress(CudaError):
                self._workspace.synchronize()
            raise

    def _enqueue_in(self, slot: Slot, arrays: dict[str, FloatArray]) -> PendingBatch:
        count = len(arrays["image"])
        batch = self._padded_size(count)
        program = self._programs[batch]
        if slot.batch is not None:
            # a batch whose caller was interrupted may have taken the slot in between
            slot.batch.wait()
        slot.upload(arrays, batch)
        slot.copy_in(self._workspace.inputs(batch))
        program.launch()
        slot.copy_out(program.outputs)
        slot.download(program.outputs)
        slot.batch = PendingBatch(slot, program.outputs, count)
        self._slots.rotate(-1)
        return slot.batch


def batch_sizes(smallest: int, largest: int) -> list[int]:
    """The batch sizes to prepare: `smallest`, `largest`, and the powers of two between them."""
    powers = (2**exponent for exponent in range(largest.bit_length()))
    return sorted({smallest, largest, *(size for size in powers if smallest < size < largest)})


def _collect(pending: list[PendingBatch]) -> BatchResult:
    results = [batch.result() for batch in pending]
    if len(results) == 1:
        return results[0]
    return BatchResult(
        **{name: np.concatenate([getattr(result, name) for result in results]) for name in OUTPUTS}
    )
