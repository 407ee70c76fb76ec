"""`cuda.bindings.runtime` without a GPU: every call returns (error, ...) like the real one."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from cuda.bindings import runtime as real

from tests.simulator.calls import Failure, counted
from tests.simulator.memory import SimulatedMemory, SimulationFault
from tests.simulator.streams import (
    Capture,
    Mark,
    Scheduler,
    SimulatedEvent,
    SimulatedGraph,
    SimulatedStream,
)
from tests.simulator.tensorrt import Execution

Errors = real.cudaError_t
Kinds = real.cudaMemcpyKind
SUCCESS = Errors.cudaSuccess


class Current(threading.local):
    """CUDA's state of the calling thread."""

    device = 0
    mode = real.cudaStreamCaptureMode.cudaStreamCaptureModeGlobal


class SimulatedCudart:
    """Identical GPUs. Calls that release resources never fail; all others can be made to.

    Attributes:
        device_count: number of GPUs.
        memory_bytes: memory of each GPU.
        properties: properties of each GPU.
        failure: the call that fails.
        recorded_by_ort: what ONNX Runtime is capturing now.
        calls: the names of all calls so far.
    """

    cudaError_t = real.cudaError_t
    cudaMemcpyKind = real.cudaMemcpyKind
    cudaStreamCaptureMode = real.cudaStreamCaptureMode
    cudaStreamNonBlocking = real.cudaStreamNonBlocking
    cudaEventDisableTiming = real.cudaEventDisableTiming
    cudaHostAllocDefault = real.cudaHostAllocDefault
    cudaGetErrorName = staticmethod(real.cudaGetErrorName)
    cudaGetErrorString = staticmethod(real.cudaGetErrorString)

    def __init__(self, *, policy: str | int = "late", memory_bytes: int = 2**30) -> None:
        self.memory = SimulatedMemory()
        self.scheduler = Scheduler(policy)
        self.streams: dict[int, SimulatedStream] = {}
        self.events: list[SimulatedEvent] = []
        self.graphs: list[SimulatedGraph] = []
        self.calls: list[str] = []
        self.failure: Failure | None = None
        self.recorded_by_ort: Capture | None = None
        self.device_count = 1
        self.memory_bytes = memory_bytes
        self.current = Current()
        self.lock = threading.RLock()
        self.properties = SimpleNamespace(name=b"Simulated GPU", major=8, minor=9)

    def left_over(self) -> dict[str, int]:
        """The live resources by kind; empty if everything was released."""
        counts = {
            "device memory": self.memory.live("device"),
            "pinned memory": self.memory.live("pinned"),
            "streams": sum(stream.live for stream in self.streams.values()),
            "events": sum(event.live for event in self.events),
            "graphs": sum(graph.live for graph in self.graphs),
            "captures": sum(stream.capture is not None for stream in self.streams.values()),
        }
        return {kind: count for kind, count in counts.items() if count}

    # the device

    @counted
    def cudaGetDeviceCount(self) -> Any:
        return SUCCESS, self.device_count

    @counted
    def cudaGetDeviceProperties(self, device: int) -> Any:
        if not 0 <= device < self.device_count:
            return Errors.cudaErrorInvalidDevice, None
        return SUCCESS, self.properties

    @counted
    def cudaSetDevice(self, device: int) -> Any:
        if not 0 <= device < self.device_count:
            return (Errors.cudaErrorInvalidDevice,)
        self.current.device = device
        return (SUCCESS,)

    @counted
    def cudaGetDevice(self) -> Any:
        return SUCCESS, self.current.device

    @counted
    def cudaThreadExchangeStreamCaptureMode(self, mode: Any) -> Any:
        before, self.current.mode = self.current.mode, mode
        return SUCCESS, before

    @counted
    def cudaDeviceSynchronize(self) -> Any:
        if self._breaks_a_capture():
            return (Errors.cudaErrorStreamCaptureUnsupported,)
        for stream in self.streams.values():
            if stream.live and stream.device == self.current.device:
                stream.run()
        return (SUCCESS,)

    @counted
    def cudaMemGetInfo(self) -> Any:
        return SUCCESS, self.memory_bytes - self._taken(), self.memory_bytes

    # memory

    @counted
    def cudaMalloc(self, size: int) -> Any:
        if self._breaks_a_capture():
            return Errors.cudaErrorStreamCaptureUnsupported, None
        if self._taken() + size > self.memory_bytes:
            return Errors.cudaErrorMemoryAllocation, None
        return SUCCESS, self.memory.allocate("device", size, device=self.current.device)

    def cudaFree(self, address: int) -> Any:
        return (SUCCESS if self.memory.free("device", address) else Errors.cudaErrorInvalidValue,)

    @counted
    def cudaHostAlloc(self, size: int, flags: int) -> Any:
        if self._breaks_a_capture():
            return Errors.cudaErrorStreamCaptureUnsupported, None
        return SUCCESS, self.memory.allocate("pinned", size)

    def cudaFreeHost(self, address: int) -> Any:
        return (SUCCESS if self.memory.free("pinned", address) else Errors.cudaErrorInvalidValue,)

    def cudaMemcpy(self, target: int, source: int, size: int, kind: Any) -> Any:
        raise SimulationFault("work on a non-blocking stream does not wait for a plain copy")

    @counted
    def cudaMemcpyAsync(self, target: int, source: int, size: int, kind: Any, stream: Any) -> Any:
        ends = {
            Kinds.cudaMemcpyHostToDevice: ("device", "pinned"),
            Kinds.cudaMemcpyDeviceToHost: ("pinned", "device"),
            Kinds.cudaMemcpyDeviceToDevice: ("device", "device"),
        }
        to, from_ = ends[kind]
        device = stream.device

        def copy() -> None:
            target_data = self.memory.view(to, target, size, device=device)
            target_data[:] = self.memory.view(from_, source, size, device=device)

        # both ends must be valid when the copy is requested, and still when it is done
        self.memory.view(to, target, size, device=device)
        self.memory.view(from_, source, size, device=device)
        self.enqueue(stream, copy)
        return (SUCCESS,)

    @counted
    def cudaMemsetAsync(self, target: int, value: int, size: int, stream: Any) -> Any:
        device = stream.device
        self.memory.view("device", target, size, device=device)

        def fill() -> None:
            self.memory.view("device", target, size, device=device)[:] = value

        self.enqueue(stream, fill)
        return (SUCCESS,)

    # streams and events

    @counted
    def cudaStreamCreateWithFlags(self, flags: int) -> Any:
        if flags != self.cudaStreamNonBlocking:
            raise SimulationFault("a stream that waits for the default one")
        stream = SimulatedStream(0x1000 + len(self.streams), self.current.device)
        self.streams[int(stream)] = stream
        return SUCCESS, stream

    def cudaStreamDestroy(self, stream: SimulatedStream) -> Any:
        stream.live = False
        return (SUCCESS,)

    @counted
    def cudaStreamSynchronize(self, stream: SimulatedStream) -> Any:
        if stream.capture is not None:
            stream.capture.broken = True
            return (Errors.cudaErrorStreamCaptureUnsupported,)
        stream.run()
        return (SUCCESS,)

    @counted
    def cudaStreamWaitEvent(
        self, stream: SimulatedStream, event: SimulatedEvent, flags: int
    ) -> Any:
        _check_event(event)
        if event.mark is not None:
            stream.add(("wait", event.mark))
        return (SUCCESS,)

    @counted
    def cudaEventCreateWithFlags(self, flags: int) -> Any:
        self.events.append(SimulatedEvent(self.current.device))
        return SUCCESS, self.events[-1]

    def cudaEventDestroy(self, event: SimulatedEvent) -> Any:
        event.live = False
        return (SUCCESS,)

    @counted
    def cudaEventRecord(self, event: SimulatedEvent, stream: SimulatedStream) -> Any:
        _check_event(event)
        if event.device != stream.device:
            raise SimulationFault(
                f"an event of device {event.device} recorded on a stream of device {stream.device}"
            )
        event.mark = Mark(stream)
        stream.add(("record", event.mark))
        return (SUCCESS,)

    @counted
    def cudaEventSynchronize(self, event: SimulatedEvent) -> Any:
        _check_event(event)
        if event.mark is not None:
            event.mark.stream.run(until=event.mark)
        return (SUCCESS,)

    # capture and replay

    @counted
    def cudaStreamBeginCapture(self, stream: SimulatedStream, mode: Any) -> Any:
        if stream.capture is not None:
            return (Errors.cudaErrorIllegalState,)
        stream.capture = Capture(mode)
        return (SUCCESS,)

    def cudaStreamEndCapture(self, stream: SimulatedStream) -> Any:
        capture, stream.capture = stream.capture, None
        self.calls.append("cudaStreamEndCapture")
        failure = self.failure
        asked = failure is not None and failure.name in (None, "cudaStreamEndCapture")
        if asked and failure is not None and failure.nth == len(self.calls):
            return failure.error, None
        if capture is None or capture.broken:
            return Errors.cudaErrorStreamCaptureInvalidated, None
        self.graphs.append(SimulatedGraph(capture.work, stream.device))
        return SUCCESS, self.graphs[-1]

    @counted
    def cudaGraphInstantiate(self, graph: SimulatedGraph, flags: int) -> Any:
        self.graphs.append(SimulatedGraph(list(graph.work), graph.device))
        return SUCCESS, self.graphs[-1]

    @counted
    def cudaGraphUpload(self, executable: SimulatedGraph, stream: SimulatedStream) -> Any:
        self._check_graph(executable, stream)
        return (SUCCESS,)

    @counted
    def cudaGraphLaunch(self, executable: SimulatedGraph, stream: SimulatedStream) -> Any:
        self._check_graph(executable, stream)
        for work in executable.work:
            stream.add(work)
        return (SUCCESS,)

    def _check_graph(self, executable: SimulatedGraph, stream: SimulatedStream) -> None:
        if not executable.live:
            raise SimulationFault("a graph that was destroyed is launched")
        self.check_current(stream)
        if executable.device != stream.device:
            raise SimulationFault(f"a graph of device {executable.device} on {stream.device}")

    def cudaGraphExecDestroy(self, executable: SimulatedGraph) -> Any:
        executable.live = False
        return (SUCCESS,)

    def cudaGraphDestroy(self, graph: SimulatedGraph) -> Any:
        graph.live = False
        return (SUCCESS,)

    # for the simulated TensorRT and ONNX Runtime

    def enqueue(self, stream: SimulatedStream, work: Callable[[], None]) -> None:
        """Add work to a stream; while the stream is captured, it is only recorded."""
        with self.lock:
            if stream.capture is not None:
                stream.capture.work.append(work)
            else:
                stream.add(work)

    def execute(self, handle: int, execution: Execution) -> None:
        """Add one execution of an engine to a stream."""
        stream = self.streams[handle]
        self.check_current(stream)
        self.enqueue(stream, lambda: execution.run_in(self.memory, stream.device))

    def is_capturing(self, handle: int) -> bool:
        return self.streams[handle].capture is not None

    def check_current(self, stream: SimulatedStream) -> None:
        """Kernels run only on streams of the calling thread's current device."""
        if self.current.device != stream.device:
            raise SimulationFault(
                f"work for device {stream.device} while device {self.current.device} is current"
            )

    def _taken(self) -> int:
        return self.memory.live_bytes("device", device=self.current.device)

    def _breaks_a_capture(self) -> bool:
        """Whether the calling thread may not allocate or wait now; doing so breaks a capture.

        It may not while it captures itself, or while any thread captures in the global mode.
        """
        modes = real.cudaStreamCaptureMode
        captures = [s.capture for s in self.streams.values() if s.capture is not None]
        if self.recorded_by_ort is not None:
            captures.append(self.recorded_by_ort)
        broken = [
            capture
            for capture in captures
            if capture.thread == threading.get_ident()
            or capture.mode == self.current.mode == modes.cudaStreamCaptureModeGlobal
        ]
        for capture in broken:
            capture.broken = True
        return bool(broken)


def _check_event(event: SimulatedEvent) -> None:
    if not event.live:
        raise SimulationFault("an event that was destroyed is used")
