"""A model on an NVIDIA GPU: batches on their way through, whatever runs the four graphs there.

The batch sizes that can come are recorded when the model opens: powers of two, and the largest.
A batch in between is filled up to the next of them by repeating its last image, so nothing is
recorded anew while images come. All tensors keep their addresses for the model's lifetime.
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
from diad_deploy.backends.cuda.tensors import (
    DeviceTensor,
)
from diad_deploy.backends.cuda.thread import CudaThread
from diad_deploy.backends.cuda.transfers import INPUTS, OUTPUTS, Slot, Ticket
from diad_deploy.backends.cuda.workspace import SLOTS, Workspace, make_workspace
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.diffusion.stages import BatchResult, Collect, Order
from diad_deploy.errors import BackendError, CudaError


class Program(Protocol):
    """The four graphs made ready for one batch size."""

    @property
    def outputs(self) -> dict[str, DeviceTensor]:
        """Where `launch` leaves its results, by the names of `OUTPUTS`."""

    def launch(self) -> None:
        """Put the whole pass on the compute stream; does not wait for the GPU."""
        ...

    def run(self, order: Order) -> None:
        """Run another order of the stages once, as it is, without a recording."""
        ...

    def close(self) -> None:
        """Release what belongs to this size."""
        ...


class Programs(Protocol):
    """A backend's engines or sessions, loaded."""

    def prepare(self, batch: int) -> Program:
        """Make one batch size ready, recording where the backend records."""
        ...

    def close(self) -> None:
        """Release the engines or sessions; all programs were closed before."""
        ...


class CudaModel:
    """The four graphs on one GPU. Calls may come from several threads.

    It is made in its thread, which makes all CUDA calls but the waiting for results.

    Args:
        manifest: the graphs' tensors and the schedule.
        thread: ended with the model.
        smallest_batch, largest_batch: fewest and most images that run at once.
        load: makes the backend's programs in this workspace.

    Raises:
        CudaError: there is too little memory.
        BackendError: as of `load` and `Programs.prepare`.
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
        except BaseException:
            self._release()
            raise

    @property
    def largest_batch(self) -> int:
        """Most images that run at once; `submit` splits more."""
        return self._largest

    def submit(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Collect:
        """Begin a batch `[B, ...]`, in as many parts as `largest_batch` needs.

        Raises:
            BackendError: the model is closed, or failed.
        """
        arrays = dict(zip(INPUTS, (image, noise, posterior_noise), strict=True))
        parts = (slice(at, at + self._largest) for at in range(0, len(image), self._largest))
        tickets = [self._begin({n: array[part] for n, array in arrays.items()}) for part in parts]
        return partial(_collect, tickets)

    def run_unrecorded(
        self, order: Order, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray
    ) -> None:
        """Run one batch of at most `largest_batch` images stage by stage, without a recording.

        `order` runs once and may look at any tensor, by `download`, before it goes on. Where there
        are fewer images than a recorded size, the last one fills the rest.

        Raises:
            BackendError: the model is closed, or failed.
        """
        arrays = dict(zip(INPUTS, (image, noise, posterior_noise), strict=True))
        with self._lock:
            self._check_open()
            self._thread.call(lambda: self._run_unrecorded(order, arrays))

    def download(self, tensor: DeviceTensor) -> FloatArray:
        """What lies in a tensor of the stages, once all work before is done.

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
        # on a GPU that has failed nothing runs any more, and everything still has to go
        with suppress(CudaError):
            if hasattr(self, "_workspace"):
                self._workspace.synchronize()
        for slot in self._slots:
            if slot.ticket is not None:
                slot.ticket.drop()
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

    def _run_unrecorded(self, order: Order, arrays: dict[str, FloatArray]) -> None:
        count = len(arrays["image"])
        batch = self._fitting(count)
        inputs, space = self._workspace.inputs(batch), self._workspace
        space.synchronize()
        for name, array in arrays.items():
            filling = np.repeat(array[-1:], batch - count, axis=0)
            whole = np.ascontiguousarray(np.concatenate([array, filling]))
            write_array(self._cuda, space.streams.compute, inputs[name].address, whole)
        self._programs[batch].run(order)
        space.synchronize()

    def _fitting(self, count: int) -> int:
        """The smallest recorded size that holds `count` images."""
        return min(batch for batch in self._programs if batch >= count)

    def _begin(self, arrays: dict[str, FloatArray]) -> Ticket:
        """Put at most `largest_batch` images on the GPU, once there is a slot for them."""
        while True:
            with self._lock:
                self._check_open()
                earlier = self._slots[0].ticket
                if earlier is None or earlier.settled:
                    return self._thread.call(lambda: self._enqueue(arrays))
            # neither the lock nor the model's thread waits for the GPU
            earlier.settle()

    def _enqueue(self, arrays: dict[str, FloatArray]) -> Ticket:
        try:
            return self._enqueue_in(self._slots[0], arrays)
        except BaseException:
            # nothing may still use what the next batch, or the memory's end, takes away
            with suppress(CudaError):
                self._workspace.synchronize()
            raise

    def _enqueue_in(self, slot: Slot, arrays: dict[str, FloatArray]) -> Ticket:
        count = len(arrays["image"])
        batch = self._fitting(count)
        program = self._programs[batch]
        if slot.ticket is not None:
            # one whose caller was interrupted may have come in between
            slot.ticket.settle()
        slot.upload(arrays, batch)
        slot.copy_in(self._workspace.inputs(batch))
        program.launch()
        slot.copy_out(program.outputs)
        slot.download(program.outputs)
        slot.ticket = Ticket(slot, program.outputs, count)
        self._slots.rotate(-1)
        return slot.ticket


def batch_sizes(smallest: int, largest: int) -> list[int]:
    """The sizes to record: powers of two between both, and both."""
    powers = (2**exponent for exponent in range(largest.bit_length()))
    return sorted({smallest, largest, *(size for size in powers if smallest < size < largest)})


def _collect(tickets: list[Ticket]) -> BatchResult:
    results = [ticket.result() for ticket in tickets]
    if len(results) == 1:
        return results[0]
    return BatchResult(
        **{name: np.concatenate([getattr(result, name) for result in results]) for name in OUTPUTS}
    )
