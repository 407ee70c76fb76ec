"""Asynchronous transfer of batches to the GPU and of results back, overlapping with computation.

    pinned -> (upload stream) -> device   ─┐
                                (compute)  copy in, run, copy out
    pinned <- (download stream) <- device ─┘

Each pending batch uses a slot. Events order the three streams, so that the copies of one slot
overlap with the computation of another.
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
    """The three streams of a model."""

    upload: Any
    compute: Any
    download: Any


class PendingBatch:
    """A batch in a slot. Its result is kept once a thread has fetched it.

    Args:
        slot: the slot of the batch.
        outputs: the tensors that the stages write its results to.
        count: number of images without padding.
    """

    def __init__(self, slot: "Slot", outputs: dict[str, DeviceTensor], count: int) -> None:
        self._slot: Slot | None = slot
        # the result may be fetched by its caller and by the caller that needs the slot next
        self._lock = Lock()
        self._outputs = outputs
        self._count = count
        self._result: BatchResult | None = None

    def result(self) -> BatchResult:
        """Wait for the result. Can be called by several threads.

        Raises:
            CudaError: the GPU has failed.
            BackendError: the model was closed before the result was fetched.
        """
        self.wait()
        if self._result is None:
            raise BackendError(
                "the model was closed before its results were collected; collect them first"
            )
        return self._result

    @property
    def done(self) -> bool:
        """Whether the slot is free: the result was fetched, or the batch abandoned."""
        return self._slot is None

    def wait(self) -> None:
        """Fetch the result if that was not done yet, which frees the slot.

        Raises:
            CudaError: the GPU has failed.
        """
        with self._lock:
            if self._slot is not None:
                self._result = self._slot.fetch(self._outputs, self._count)
                self._slot = None

    def abandon(self) -> None:
        """Give up the result, since the slot's memory is about to be freed."""
        with self._lock:
            self._slot = None


class Slot:
    """Memory and events for one pending batch.

    Args:
        cuda: the runtime.
        manifest: describes the graphs' tensors.
        largest_batch: largest number of images per batch.
        streams: the model's streams.
        resources: owns the memory and the events.

    Attributes:
        batch: the last batch that used the slot.

    Raises:
        CudaError: there is not enough memory.
    """

    def __init__(
        self,
        cuda: Cuda,
        manifest: Manifest,
        largest_batch: int,
        streams: Streams,
        resources: CudaResources,
    ) -> None:
        self.batch: PendingBatch | None = None
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
        """Copy arrays `[n, ...]` to pinned memory and begin their upload, padded to `batch`."""
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
        self._record_event(self._uploaded, self._streams.upload)

    def copy_in(self, tensors: dict[str, DeviceTensor]) -> None:
        """On the compute stream, after the upload: copy the inputs to the stages' tensors."""
        self._wait_for_event(self._streams.compute, self._uploaded)
        for name, tensor in tensors.items():
            self._copy_on_gpu(tensor.address, self._device[name], tensor.size_bytes)

    def copy_out(self, tensors: dict[str, DeviceTensor]) -> None:
        """On the compute stream: copy the outputs from the stages' tensors."""
        for name, tensor in tensors.items():
            self._copy_on_gpu(self._device[name], tensor.address, tensor.size_bytes)
        self._record_event(self._computed, self._streams.compute)

    def download(self, tensors: dict[str, DeviceTensor]) -> None:
        """Begin the download of the outputs to pinned memory, after they are computed."""
        self._wait_for_event(self._streams.download, self._computed)
        for name, tensor in tensors.items():
            self._copy(
                self._pinned[name].address,
                self._device[name],
                tensor.size_bytes,
                self._cuda.api.cudaMemcpyKind.cudaMemcpyDeviceToHost,
                self._streams.download,
            )
        self._record_event(self._downloaded, self._streams.download)

    def fetch(self, tensors: dict[str, DeviceTensor], count: int) -> BatchResult:
        """Wait for the outputs and return those of the first `count` images."""
        cuda = self._cuda
        # this runs in the caller's thread, whose capture mode is restored
        mode = cuda.exchange_capture_mode(
            cuda.api.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        )
        try:
            synchronized = cuda.api.cudaEventSynchronize(self._downloaded)
        finally:
            restored = cuda.api.cudaThreadExchangeStreamCaptureMode(mode)
        # if the GPU has failed, both calls have, and the first error is the relevant one
        cuda.check(synchronized, "waiting for a batch's results")
        cuda.check(restored, "restoring a thread's capture mode")
        arrays = {
            name: _view(self._pinned[name], tensor.shape)[:count].copy()
            for name, tensor in tensors.items()
        }
        return BatchResult(**arrays)

    def _copy_on_gpu(self, target: int, source: int, size_bytes: int) -> None:
        kind = self._cuda.api.cudaMemcpyKind.cudaMemcpyDeviceToDevice
        self._copy(target, source, size_bytes, kind, self._streams.compute)

    def _copy(self, target: int, source: int, size_bytes: int, kind: Any, stream: Any) -> None:
        result = self._cuda.api.cudaMemcpyAsync(target, source, size_bytes, kind, stream)
        self._cuda.check(result, f"copying {size_bytes} bytes")

    def _record_event(self, event: Any, stream: Any) -> None:
        self._cuda.check(self._cuda.api.cudaEventRecord(event, stream), "recording an event")

    def _wait_for_event(self, stream: Any, event: Any) -> None:
        result = self._cuda.api.cudaStreamWaitEvent(stream, event, 0)
        self._cuda.check(result, "making a stream wait for an event")


def slot_bytes(manifest: Manifest, largest_batch: int) -> int:
    """GPU memory of a slot."""
    specs = tensor_specs(manifest)
    return sum(tensor_bytes(specs[name], largest_batch) for name in (*INPUTS, *OUTPUTS))


def _view(pinned: PinnedMemory, shape: tuple[int, ...]) -> FloatArray:
    count = int(np.prod(shape))
    return pinned.data.view(np.float32)[:count].reshape(shape)
