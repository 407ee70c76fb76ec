"""A machine with one simulated GPU; nothing may be left on it at a test's end."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.simulator.cudart import SimulatedCudart
from tests.simulator.streams import Scheduler
from tests.simulator.tensorrt import SimulatedTensorRt


@dataclass
class Machine:
    """The CUDA runtime, TensorRT and TensorRT-RTX, in the place of the real ones."""

    cudart: SimulatedCudart
    tensorrt: SimulatedTensorRt
    tensorrt_rtx: SimulatedTensorRt

    def schedule(self, policy: str | int) -> None:
        """When work is done that nobody waits for (`tests.simulator.streams.Scheduler`)."""
        self.cudart.scheduler = Scheduler(policy)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """In place of the libraries; checked at the end for what was not let go."""
    cudart = SimulatedCudart()
    made = Machine(
        cudart, SimulatedTensorRt(cudart, rtx=False), SimulatedTensorRt(cudart, rtx=True)
    )
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", cudart)
    monkeypatch.setitem(sys.modules, "tensorrt", made.tensorrt)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", made.tensorrt_rtx)
    yield made
    assert cudart.left_over() == {}
