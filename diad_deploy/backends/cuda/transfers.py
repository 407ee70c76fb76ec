"""Batches on their way to the GPU and results on their way back, beside the work of others.

    pinned -> (upload stream) -> device   ─┐
                                (compute)  copy in, replay, copy out
    pinned <- (download stream) <- device ─┘

Each batch goes through a slot of its own. Events order the three streams, so that a slot's
copies run while another slot's batch is worked on.
"""

from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np

from diad_deploy.arrays import FloatArray
from diad_deploy.backends.cuda.calls import Cuda
from diad_deploy.backends.cuda.memory import CudaResources, PinnedMemory
from diad_deploy.backends.cuda.tensors import DeviceTensor, tensor_bytes, tensor_specs
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.diffusion.stages import BatchResult
from diad_deploy.errors import BackendError

INPUTS = ("image", "noise", "posterior_noise")
OUTPUTS = ("anomaly_map", "image_score", "reconstruction")


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """The three streams: to the GPU, on it, and from it."""

    upload: Any
    compute: Any
    download: Any


class Ticket:
    """A batch in a slot; its result stays once it is fetched, by whichever thread.

    Args:
        slot: where the batch is.
        outputs: where the stages leave its results.
        count: images in it; what the slot holds beyond them is filling.
    """

    def __init__(self, slot: "Slot", outputs: dict[str, DeviceTensor], count: int) -> None:
        self._slot: Slot | None = slot
        # whoever needs the slot again waits for whoever is fetching from it
        self._lock = Lock()
        self._outputs = outputs
        self._count = count
        self._result: BatchResult | None = None

    def result(self) -> BatchResult:
        """Wait for the result; several threads may.

        Raises:
            CudaError: the GPU has failed.
            BackendError: the model was closed before.
        """
        self.settle()
        if self._result is None:
            raise BackendError("the model was closed before its results were taken")
        return self._result

    @property
    def settled(self) -> bool:
        """Whether the slot is free: the result was fetched, or the slot's memory goes."""
        return self._slot is None

    def settle(self) -> None:
        """Wait until the slot is free, fetching the result.

        Raises:
            CudaError: the GPU has failed.
        """
        with self._lock:
            if self._slot is not None:
                self._result = self._slot.fetch(self._outputs, self._count)
                self._slot = None

    def drop(self) -> None:
        """Forget the slot, whose memory goes."""
        with self._lock:
            self._slot = None


class Slot:
    """Memory and events for one batch at a time.

    Args:
        cuda: the runtime.
        manifest: the graphs' tensors.
        largest_batch: most images a batch.
        streams: where the work goes.
        resources: own the memory and the events.

    Attributes:
        ticket: the batch that is or was in it.

    Raises:
        CudaError: there is too little memory.
    """

    def __init__(
        self,
        cuda: Cuda,
        manifest: Manifest,
        largest_batch: int,
        streams: Streams,
        resources: CudaResources,
    ) -> None:
        self.ticket: Ticket | None = None
        self._cuda = cuda
        self._streams = streams
        specs = tensor_specs(manifest)
        sizes = {name: tensor_bytes(specs[name], largest_batch) for name in (*INPUTS, *OUTPUTS)}
        self._pinned = {name: resources.pinned(size, name) for name, size in sizes.items()}
        self._device = {name: resources.device(size, name) for name, size in sizes.items()}
        self._uploaded = resources.event()
        self._computed = resources.event()
        self._downloaded = resources.event()

    def upload(self, arrays: dict[str, FloatArray], batch: int) -> None:
        """Copy arrays `[n, ...]` into pinned memory and begin their way to the GPU.

        Where n is below `batch`, the last image fills the rest.
        """
        for name, array in arrays.items():
            pinned = _view(self._pinned[name], (batch, *array.shape[1:]))
            pinned[: len(array)] = array
            pinned[len(array) :] = array[-1:]
            self._copy(
                self._device[name],
                self._pinned[name].address,
                pinned.nbytes,
                self._cuda.api.cudaMemcpyKind.cudaMemcpyHostToDevice,
                self._streams.upload,
            )
        self._record(self._uploaded, self._streams.upload)

    def copy_in(self, tensors: dict[str, DeviceTensor]) -> None:
        """On the compute stream: once uploaded, copy the inputs to where the stages read them."""
        self._wait(self._streams.compute, self._uploaded)
        for name, tensor in tensors.items():
            self._copy_on_gpu(tensor.address, self._device[name], tensor.size_bytes)

    def copy_out(self, tensors: dict[str, DeviceTensor]) -> None:
        """On the compute stream: copy the outputs from where the stages write them."""
        for name, tensor in tensors.items():
            self._copy_on_gpu(self._device[name], tensor.address, tensor.size_bytes)
        self._record(self._computed, self._streams.compute)

    def download(self, tensors: dict[str, DeviceTensor]) -> None:
        """Once they are there, begin the outputs' way back to pinned memory."""
        self._wait(self._streams.download, self._computed)
        for name, tensor in tensors.items():
            self._copy(
                self._pinned[name].address,
                self._device[name],
                tensor.size_bytes,
                self._cuda.api.cudaMemcpyKind.cudaMemcpyDeviceToHost,
                self._streams.download,
            )
        self._record(self._downloaded, self._streams.download)

    def fetch(self, tensors: dict[str, DeviceTensor], count: int) -> BatchResult:
        """Wait for the outputs and take the first `count` images' out; the slot is free then."""
        cuda = self._cuda
        # in the caller's thread, which is left as it was
        mode = cuda.exchange_mode(cuda.api.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal)
        try:
            done = cuda.api.cudaEventSynchronize(self._downloaded)
        finally:
            left = cuda.api.cudaThreadExchangeStreamCaptureMode(mode)
        # on a GPU that has failed, both have: the first is the one to tell
        cuda.check(done, "waiting for a batch's results")
        cuda.check(left, "leaving a thread as it was")
        arrays = {
            name: _view(self._pinned[name], tensor.shape)[:count].copy()
            for name, tensor in tensors.items()
        }
        return BatchResult(**arrays)

    def _copy_on_gpu(self, target: int, source: int, size_bytes: int) -> None:
        kind = self._cuda.api.cudaMemcpyKind.cudaMemcpyDeviceToDevice
        self._copy(target, source, size_bytes, kind, self._streams.compute)

    def _copy(self, target: int, source: int, size_bytes: int, kind: Any, stream: Any) -> None:
        begun = self._cuda.api.cudaMemcpyAsync(target, source, size_bytes, kind, stream)
        self._cuda.check(begun, f"copying {size_bytes} bytes")

    def _record(self, event: Any, stream: Any) -> None:
        self._cuda.check(self._cuda.api.cudaEventRecord(event, stream), "recording an event")

    def _wait(self, stream: Any, event: Any) -> None:
        waited = self._cuda.api.cudaStreamWaitEvent(stream, event, 0)
        self._cuda.check(waited, "having a stream wait")


def slot_bytes(manifest: Manifest, largest_batch: int) -> int:
    """What one slot takes on the GPU."""
    specs = tensor_specs(manifest)
    return sum(tensor_bytes(specs[name], largest_batch) for name in (*INPUTS, *OUTPUTS))


def _view(pinned: PinnedMemory, shape: tuple[int, ...]) -> FloatArray:
    count = int(np.prod(shape))
    return pinned.data.view(np.float32)[:count].reshape(shape)
