"""A model on TensorRT 10, 11 or TensorRT-RTX: recorded once a batch size, then replayed."""

from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np

from diad_deploy.arrays import FloatArray
from diad_deploy.backends.cuda_calls import Cuda, check_room, find_gpu
from diad_deploy.backends.cuda_graph import record
from diad_deploy.backends.cuda_memory import CudaResources
from diad_deploy.backends.device_tensors import (
    DeviceTensor,
    DeviceTensors,
    StepScalars,
    tensor_bytes,
    tensor_specs,
)
from diad_deploy.backends.engine_files import find_engines, size_bytes
from diad_deploy.backends.stages import BatchResult, Collect, Order, check_graphs
from diad_deploy.backends.tensorrt_api import import_tensorrt
from diad_deploy.backends.tensorrt_engines import Engines, load_engines
from diad_deploy.backends.tensorrt_stages import TensorRtStages
from diad_deploy.backends.transfers import (
    INPUTS,
    OUTPUTS,
    Slot,
    Streams,
    Ticket,
    slot_bytes,
)
from diad_deploy.bundle import Bundle
from diad_deploy.engine_spec import Target
from diad_deploy.errors import BackendError, CudaError
from diad_deploy.manifest import Manifest
from diad_deploy.schedule import ddim_steps

_SLOTS = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Recording:
    """One batch size's CUDA graph, the stages it runs in, and where it leaves its results."""

    executable: Any
    stages: TensorRtStages
    outputs: dict[str, DeviceTensor]


class TensorRtModel:
    """The four engines, recorded into one CUDA graph a batch size."""

    in_flight = _SLOTS

    def __init__(
        self, manifest: Manifest, engines: Engines, order: Order, largest_batch: int, cuda: Cuda
    ) -> None:
        self._manifest = manifest
        self._engines: Engines | None = engines
        self._order = order
        self._cuda = cuda
        self._smallest = engines.smallest_batch
        self._largest = largest_batch
        self._recordings: dict[int, _Recording] = {}
        self._resources = resources = CudaResources(cuda)
        try:
            self._scratch = _scratch(engines, resources)
            self._tensors = DeviceTensors(manifest, largest_batch, resources)
            self._scalars = StepScalars(cuda, ddim_steps(manifest.schedule), resources)
            self._streams = Streams(
                upload=resources.stream(), compute=resources.stream(), download=resources.stream()
            )
            self._slots = deque(
                Slot(cuda, manifest, largest_batch, self._streams, resources) for _ in range(_SLOTS)
            )
        except BaseException:
            resources.close()
            raise

    @classmethod
    def open(cls, bundle: Bundle, *, target: Target, order: Order, batch_size: int) -> Self:
        """Check that the bundle's engines fit this machine, and load them.

        Args:
            bundle: an opened bundle.
            target: whose engines.
            order: one pass through the stages, with steps of the bundle's schedule.
            batch_size: most pictures that will be handed in at once; more are split, and so are
                those that the engines' profile does not hold.

        Raises:
            CudaError: there is no GPU, or too little memory on it.
            BackendError: the library is not installed, or the engines do not fit the machine.
            BundleDamagedError: an engine's file is not what the manifest records.
        """
        check_graphs(bundle.manifest)
        trt, cuda = import_tensorrt(target), Cuda.load()
        gpu = find_gpu(cuda)
        specs = find_engines(bundle, target, gpu, trt.__version__)
        held = min(batch_size, *(spec.profile.largest for spec in specs))
        buffers = {"buffers": _buffer_bytes(bundle.manifest, held)}
        # what the engines work in is known once they are loaded, what they weigh before
        check_room(cuda, gpu, {"engines": size_bytes(bundle, specs), **buffers})
        engines = load_engines(bundle, target, trt, specs, gpu)
        largest = max(min(batch_size, engines.largest_batch), engines.smallest_batch)
        check_room(cuda, gpu, {"working memory": engines.scratch_bytes, **buffers})
        return cls(bundle.manifest, engines, order, largest, cuda)

    def submit(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Collect:
        """Begin a batch, in as many parts as the engines need.

        Raises:
            BackendError: the model is closed, or failed.
        """
        if self._engines is None:
            raise BackendError("the model is closed; open it again")
        arrays = dict(zip(INPUTS, (image, noise, posterior_noise), strict=True))
        tickets = [
            self._begin({name: array[first : first + self._largest] for name, array in items})
            for first in range(0, len(image), self._largest)
            for items in [arrays.items()]
        ]
        return partial(_collect, tickets)

    @property
    def largest_batch(self) -> int:
        """Most pictures that run at once; `submit` splits more."""
        return self._largest

    def run_unrecorded(
        self, order: Order, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray
    ) -> None:
        """Run one batch of at most `largest_batch` pictures stage by stage, without a recording.

        `order` runs once and may look at any tensor, by `download`, before it goes on. Where there
        are fewer pictures than the engines take, the last one fills the rest.

        Raises:
            BackendError: the model is closed, or failed.
        """
        batch = max(len(image), self._smallest)
        stages = (self._recordings.get(batch) or self._record(batch)).stages
        inputs = self._inputs(batch)
        self._synchronize()
        kind = self._cuda.api.cudaMemcpyKind.cudaMemcpyHostToDevice
        arrays = (image, noise, posterior_noise)
        for tensor, array in zip(inputs.values(), arrays, strict=True):
            filling = np.repeat(array[-1:], batch - len(array), axis=0)
            whole = np.ascontiguousarray(np.concatenate([array, filling]))
            copied = self._cuda.api.cudaMemcpy(
                tensor.address, whole.ctypes.data, whole.nbytes, kind
            )
            self._cuda.check(copied, "copying a batch to the GPU")
        order(stages, *inputs.values())
        self._synchronize()

    def download(self, tensor: DeviceTensor) -> FloatArray:
        """What lies in a tensor of the stages, once all work before is done.

        Raises:
            CudaError: the GPU has failed.
        """
        self._synchronize()
        array = np.empty(tensor.shape, dtype=np.float32)
        kind = self._cuda.api.cudaMemcpyKind.cudaMemcpyDeviceToHost
        copied = self._cuda.api.cudaMemcpy(array.ctypes.data, tensor.address, array.nbytes, kind)
        self._cuda.check(copied, "copying a tensor from the GPU")
        return array

    def close(self) -> None:
        """Wait for what is under way and let go of everything; safe to call again."""
        if self._engines is None:
            return
        self._engines = None
        api = self._cuda.api
        # on a GPU that has failed nothing runs any more, and everything still has to go
        with suppress(CudaError):
            self._synchronize()
        for recording in self._recordings.values():
            api.cudaGraphExecDestroy(recording.executable)
            recording.stages.close()
        self._recordings.clear()
        for slot in self._slots:
            if slot.ticket is not None:
                slot.ticket.drop()
        self._resources.close()

    def _begin(self, arrays: dict[str, FloatArray]) -> Ticket:
        try:
            return self._enqueue(arrays)
        except BaseException:
            # nothing may still use what the next batch, or the memory's end, takes away
            with suppress(CudaError):
                self._synchronize()
            raise

    def _enqueue(self, arrays: dict[str, FloatArray]) -> Ticket:
        count = len(arrays["image"])
        batch = max(count, self._smallest)
        recording = self._recordings.get(batch) or self._record(batch)
        slot = self._slots[0]
        if slot.ticket is not None:
            slot.ticket.result()
        slot.upload(arrays, batch)
        slot.copy_in(self._inputs(batch))
        launched = self._cuda.api.cudaGraphLaunch(recording.executable, self._streams.compute)
        self._cuda.check(launched, f"running a batch of {batch}")
        slot.copy_out(recording.outputs)
        slot.download(recording.outputs)
        slot.ticket = Ticket(slot, recording.outputs, count)
        self._slots.rotate(-1)
        return slot.ticket

    def _record(self, batch: int) -> _Recording:
        engines = self._engines
        if engines is None:
            raise BackendError("the model is closed; open it again")
        stages = TensorRtStages(
            self._manifest,
            engines,
            batch,
            tensors=self._tensors,
            scalars=self._scalars,
            scratch=self._scratch,
            stream=self._streams.compute,
        )
        inputs = self._inputs(batch).values()
        # the first execution sets up what may not happen while recording
        outputs = self._order(stages, *inputs)
        self._synchronize()
        stream = self._streams.compute
        executable = record(self._cuda, stream, lambda: self._order(stages, *inputs))
        recording = _Recording(
            executable=executable,
            stages=stages,
            outputs={name: getattr(outputs, name) for name in OUTPUTS},
        )
        self._recordings[batch] = recording
        engines.keep_kernels()
        return recording

    def _inputs(self, batch: int) -> dict[str, DeviceTensor]:
        return {name: self._tensors.tensor(name, batch) for name in INPUTS}

    def _synchronize(self) -> None:
        for stream in (self._streams.upload, self._streams.compute, self._streams.download):
            self._cuda.check(self._cuda.api.cudaStreamSynchronize(stream), "waiting for the GPU")


def _scratch(engines: Engines, resources: CudaResources) -> tuple[int, int]:
    size = max(engines.scratch_bytes, 1)
    return resources.device(size, "the engines' working memory"), size


def _buffer_bytes(manifest: Manifest, batch: int) -> int:
    tensors = sum(tensor_bytes(spec, batch) for spec in tensor_specs(manifest).values())
    return tensors + _SLOTS * slot_bytes(manifest, batch)


def _collect(tickets: list[Ticket]) -> BatchResult:
    results = [ticket.result() for ticket in tickets]
    if len(results) == 1:
        return results[0]
    return BatchResult(
        **{name: np.concatenate([getattr(result, name) for result in results]) for name in OUTPUTS}
    )
