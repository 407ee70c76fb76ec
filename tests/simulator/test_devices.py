"""Several simulated GPUs: each thread has its own current one, and they may not be mixed."""

from threading import Thread

import pytest

from tests.simulator.cudart import Errors, SimulatedCudart
from tests.simulator.memory import SimulationFault

D2D = SimulatedCudart.cudaMemcpyKind.cudaMemcpyDeviceToDevice


@pytest.fixture
def cudart() -> SimulatedCudart:
    made = SimulatedCudart()
    made.device_count = 2
    return made


def test_a_new_thread_begins_with_the_first_device(cudart: SimulatedCudart) -> None:
    found = []
    cudart.cudaSetDevice(1)
    thread = Thread(target=lambda: found.append(cudart.cudaGetDevice()[1]))
    thread.start()
    thread.join()
    assert (cudart.cudaGetDevice()[1], found) == (1, [0])
    assert cudart.cudaSetDevice(2) == (Errors.cudaErrorInvalidDevice,)


def test_each_device_has_its_own_memory(cudart: SimulatedCudart) -> None:
    cudart.memory_bytes = 100
    assert cudart.cudaMalloc(60)[0] == Errors.cudaSuccess
    cudart.cudaSetDevice(1)
    assert cudart.cudaMemGetInfo()[1:] == (100, 100)
    _, first = cudart.cudaMalloc(50)
    _, second = cudart.cudaMalloc(50)
    cudart.cudaSetDevice(0)
    stream = cudart.cudaStreamCreateWithFlags(1)[1]
    with pytest.raises(SimulationFault, match="memory of device 1, used on device 0"):
        cudart.cudaMemcpyAsync(first, second, 50, D2D, stream)


def test_events_and_recordings_stay_on_their_device(cudart: SimulatedCudart) -> None:
    event = cudart.cudaEventCreateWithFlags(2)[1]
    cudart.cudaSetDevice(1)
    stream = cudart.cudaStreamCreateWithFlags(1)[1]
    with pytest.raises(SimulationFault, match="event of device 0"):
        cudart.cudaEventRecord(event, stream)
    cudart.cudaStreamBeginCapture(stream, None)
    executable = cudart.cudaGraphInstantiate(cudart.cudaStreamEndCapture(stream)[1], 0)[1]
    assert cudart.cudaGraphLaunch(executable, stream) == (Errors.cudaSuccess,)
    cudart.cudaSetDevice(0)
    with pytest.raises(SimulationFault, match="work for device 1 while device 0 is current"):
        cudart.cudaGraphLaunch(executable, stream)


def test_waiting_for_a_device_waits_for_its_streams(cudart: SimulatedCudart) -> None:
    done = []
    for device in (0, 1):
        cudart.cudaSetDevice(device)
        stream = cudart.cudaStreamCreateWithFlags(1)[1]
        cudart.enqueue(stream, lambda device=device: done.append(device))
    cudart.cudaDeviceSynchronize()
    assert done == [1]
