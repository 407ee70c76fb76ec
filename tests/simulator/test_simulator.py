"""The simulator reports faults that cause wrong numbers or a crash on a GPU."""

import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from diad_deploy import Detector
from diad_deploy.backends.cuda.calls import Cuda
from diad_deploy.backends.cuda.graph import capture
from diad_deploy.backends.cuda.transfers import Slot
from diad_deploy.bundle.folder import Bundle
from diad_deploy.errors import BackendError
from tests.diad_deploy.detector.test_detector import make_images
from tests.simulator.cudart import Errors, SimulatedCudart
from tests.simulator.engines import with_engines
from tests.simulator.machine import Machine
from tests.simulator.memory import SimulationFault
from tests.simulator.streams import Scheduler
from tests.simulator.tensorrt import SimulatedTensorRt

H2D = SimulatedCudart.cudaMemcpyKind.cudaMemcpyHostToDevice
D2D = SimulatedCudart.cudaMemcpyKind.cudaMemcpyDeviceToDevice
D2H = SimulatedCudart.cudaMemcpyKind.cudaMemcpyDeviceToHost


def pinned(cudart: SimulatedCudart, values: list[float]) -> tuple[int, np.ndarray]:
    _, address = cudart.cudaHostAlloc(4 * len(values), 0)
    view = cudart.memory.view("pinned", address, 4 * len(values)).view(np.float32)
    view[:] = values
    return address, view


@pytest.fixture
def cudart() -> SimulatedCudart:
    return SimulatedCudart()


def test_a_result_is_not_there_before_somebody_waits(cudart: SimulatedCudart) -> None:
    stream = cudart.cudaStreamCreateWithFlags(1)[1]
    source, _ = pinned(cudart, [1.0, 2.0])
    target, values = pinned(cudart, [0.0, 0.0])
    _, device = cudart.cudaMalloc(8)
    cudart.cudaMemcpyAsync(device, source, 8, H2D, stream)
    cudart.cudaMemcpyAsync(target, device, 8, D2H, stream)
    assert values.tolist() == [0.0, 0.0]
    cudart.cudaStreamSynchronize(stream)
    assert values.tolist() == [1.0, 2.0]


def test_a_buffer_reused_too_early_gives_the_later_numbers(cudart: SimulatedCudart) -> None:
    stream = cudart.cudaStreamCreateWithFlags(1)[1]
    source, values = pinned(cudart, [1.0])
    _, device = cudart.cudaMalloc(4)
    cudart.cudaMemcpyAsync(device, source, 4, H2D, stream)
    values[:] = 5.0
    cudart.cudaStreamSynchronize(stream)
    assert cudart.memory.view("device", device, 4).view(np.float32).tolist() == [5.0]


def test_an_event_orders_two_streams(cudart: SimulatedCudart) -> None:
    first, second = (cudart.cudaStreamCreateWithFlags(1)[1] for _ in range(2))
    event = cudart.cudaEventCreateWithFlags(2)[1]
    source, _ = pinned(cudart, [3.0])
    target, values = pinned(cudart, [0.0])
    _, device = cudart.cudaMalloc(4)
    cudart.cudaMemcpyAsync(device, source, 4, H2D, first)
    cudart.cudaEventRecord(event, first)
    cudart.cudaStreamWaitEvent(second, event, 0)
    cudart.cudaMemcpyAsync(target, device, 4, D2H, second)
    cudart.cudaStreamSynchronize(second)
    assert values.tolist() == [3.0]


def test_freed_and_foreign_memory(cudart: SimulatedCudart) -> None:
    stream = cudart.cudaStreamCreateWithFlags(1)[1]
    source, _ = pinned(cudart, [1.0])
    _, device = cudart.cudaMalloc(4)
    with pytest.raises(SimulationFault, match="not device memory"):
        cudart.cudaMemcpyAsync(device, source, 8, H2D, stream)
    with pytest.raises(SimulationFault, match="pinned memory, not device"):
        cudart.cudaMemcpyAsync(device, source, 4, D2D, stream)
    cudart.cudaMemcpyAsync(device, source, 4, H2D, stream)
    cudart.cudaFree(device)
    with pytest.raises(SimulationFault, match="were freed"):
        cudart.cudaStreamSynchronize(stream)
    assert cudart.cudaFree(device) == (Errors.cudaErrorInvalidValue,)
    assert cudart.left_over() == {"pinned memory": 1, "streams": 1}


def test_a_copy_for_which_no_stream_waits(cudart: SimulatedCudart) -> None:
    source, _ = pinned(cudart, [1.0])
    _, device = cudart.cudaMalloc(4)
    with pytest.raises(SimulationFault, match="does not wait for a plain copy"):
        cudart.cudaMemcpy(device, source, 4, H2D)


def test_what_is_recorded_runs_only_when_launched(cudart: SimulatedCudart) -> None:
    stream = cudart.cudaStreamCreateWithFlags(1)[1]
    source, values = pinned(cudart, [1.0])
    target, found = pinned(cudart, [0.0])
    _, device = cudart.cudaMalloc(4)

    def enqueue() -> None:
        cudart.cudaMemcpyAsync(device, source, 4, H2D, stream)
        cudart.cudaMemcpyAsync(target, device, 4, D2H, stream)

    executable = capture(Cuda(cudart), stream, enqueue)
    cudart.cudaStreamSynchronize(stream)
    assert found.tolist() == [0.0]
    for value in (1.0, 2.0):
        values[:] = value
        cudart.cudaGraphLaunch(executable, stream)
        cudart.cudaStreamSynchronize(stream)
        assert found.tolist() == [value]


@pytest.mark.parametrize("call", ["cudaMalloc", "cudaHostAlloc", "cudaStreamSynchronize"])
def test_what_may_not_come_while_recording_breaks_it(cudart: SimulatedCudart, call: str) -> None:
    stream = cudart.cudaStreamCreateWithFlags(1)[1]
    arguments = {"cudaMalloc": (4,), "cudaHostAlloc": (4, 0), "cudaStreamSynchronize": (stream,)}
    cudart.cudaStreamBeginCapture(stream, None)
    answer = getattr(cudart, call)(*arguments[call])
    assert answer[0] == Errors.cudaErrorStreamCaptureUnsupported
    assert cudart.cudaStreamEndCapture(stream)[0] == Errors.cudaErrorStreamCaptureInvalidated


def test_what_other_threads_do_breaks_only_a_global_recording(cudart: SimulatedCudart) -> None:
    modes = SimulatedCudart.cudaStreamCaptureMode
    stream = cudart.cudaStreamCreateWithFlags(1)[1]
    for mode in (modes.cudaStreamCaptureModeThreadLocal, modes.cudaStreamCaptureModeGlobal):
        cudart.cudaStreamBeginCapture(stream, mode)
        thread = Thread(target=cudart.cudaMalloc, args=(4,))
        thread.start()
        thread.join()
        is_broken = cudart.cudaStreamEndCapture(stream)[0] != Errors.cudaSuccess
        assert is_broken == (mode == modes.cudaStreamCaptureModeGlobal)


def scores(bundle: Bundle, policy: str | int, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    machine = SimulatedCudart(policy=policy)
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", machine)
    trt = SimulatedTensorRt(machine, rtx=True)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", trt)
    with Detector.open(bundle, backend="tensorrt-rtx", batch_size=2) as detector:
        return [found.score for found in detector.detect(make_images(7))]


def never_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Slot, "_wait_for_event", lambda self, stream, event: None)


def take_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimulatedCudart, "cudaEventSynchronize", lambda *_: (Errors.cudaSuccess,))


@pytest.mark.parametrize("leave_out", [never_wait, take_too_early])
def test_a_synchronisation_that_the_backend_lacks_shows(
    standin_bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    leave_out: Callable[[pytest.MonkeyPatch], None],
) -> None:
    bundle = with_engines(standin_bundle, tmp_path / "bundle")
    assert len(scores(bundle, "late", monkeypatch)) == 7
    leave_out(monkeypatch)
    with pytest.raises(BackendError, match=r"image 1 .*reconstruction has \d+ NaN of 3072 values"):
        scores(bundle, "late", monkeypatch)


def test_the_random_schedule_does_some_work_early() -> None:
    done = []
    for seed in range(20):
        cudart = SimulatedCudart(policy=seed)
        stream = cudart.cudaStreamCreateWithFlags(1)[1]
        stream.add(lambda: done.append(1))
        cudart.cudaMemGetInfo()
    assert 0 < len(done) < 20
    assert Scheduler("late").go_on([]) is None


def test_the_machine_fixture_looks_for_what_was_left(machine: Machine) -> None:
    address = machine.cudart.cudaMalloc(4)[1]
    assert machine.cudart.left_over() == {"device memory": 1}
    machine.cudart.cudaFree(address)
