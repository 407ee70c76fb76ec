"""A machine with simulated GPUs, on which a test may not leave anything."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.simulator.cudart import SimulatedCudart
from tests.simulator.onnxruntime_cuda import SimulatedOnnxRuntime
from tests.simulator.streams import Scheduler
from tests.simulator.tensorrt import SimulatedTensorRt


@dataclass
class Machine:
    """Simulations of the CUDA runtime, TensorRT, TensorRT-RTX and ONNX Runtime.

    There is one GPU (`cudart.device_count`), and ONNX Runtime is built for the CPU until a test
    sets `onnxruntime.for_cuda`.
    """

    cudart: SimulatedCudart
    tensorrt: SimulatedTensorRt
    tensorrt_rtx: SimulatedTensorRt
    onnxruntime: SimulatedOnnxRuntime

    def schedule(self, policy: str | int) -> None:
        """When pending work is run (`tests.simulator.streams.Scheduler`)."""
        self.cudart.scheduler = Scheduler(policy)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Replaces the libraries; checked for unreleased resources at the end."""
    cudart = SimulatedCudart()
    made = Machine(
        cudart,
        SimulatedTensorRt(cudart, rtx=False),
        SimulatedTensorRt(cudart, rtx=True),
        SimulatedOnnxRuntime(cudart),
    )
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", cudart)
    monkeypatch.setitem(sys.modules, "tensorrt", made.tensorrt)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", made.tensorrt_rtx)
    monkeypatch.setitem(sys.modules, "onnxruntime", made.onnxruntime)
    yield made
    assert cudart.left_over() == {}
