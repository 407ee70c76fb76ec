"""A model's thread: what is made in it is closed, and what ends it last is done, whatever comes."""

import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from diad_deploy import Detector
from diad_deploy.backends.cuda.calls import Cuda
from diad_deploy.backends.cuda.thread import CudaThread, make_in_thread
from diad_deploy.bundle.folder import Bundle
from diad_deploy.errors import BackendError
from tests.diad_deploy.detector.test_detector import make_images
from tests.simulator.cudart import SimulatedCudart
from tests.simulator.machine import Machine

AT_EXIT = """
import atexit
from diad_deploy.backends.cuda.calls import Cuda
from diad_deploy.backends.cuda.thread import CudaThread
from tests.simulator.cudart import SimulatedCudart

thread = CudaThread(Cuda(SimulatedCudart()))
thread.call(lambda: None)
atexit.register(thread.call_last, lambda: print("released"))
"""


class Made:
    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_closing_at_the_program_s_end() -> None:
    root = Path(__file__).parents[4]
    ended = subprocess.run(
        [sys.executable, "-c", AT_EXIT], capture_output=True, text=True, cwd=root, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "released\n", "")


def test_a_detector_whose_thread_has_ended_releases_all(
    machine: Machine, standin_bundle: Bundle
) -> None:
    machine.onnxruntime.for_cuda = True
    detector = Detector.open(standin_bundle, device="cuda")
    assert detector._batches.model is not None
    model: Any = detector._batches.model._devices[0].model
    # as the program's end does, before it calls what `atexit` holds
    model._thread._pool.shutdown()
    with pytest.raises(BackendError, match="the interpreter is shutting down"):
        detector.detect(make_images(1))
    detector.close()
    assert machine.cudart.left_over() == {}


def test_ctrl_c_while_a_model_is_made_closes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made, threads, results = Made(), [], Future.result
    interrupted: list[bool] = []

    def result(future: "Future[Any]", timeout: float | None = None) -> Any:
        if not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt
        return results(future, timeout)

    def make(thread: CudaThread) -> Made:
        threads.append(thread)
        return made

    monkeypatch.setattr(Future, "result", result)
    with pytest.raises(KeyboardInterrupt):
        make_in_thread(Cuda(SimulatedCudart()), make)
    assert made.closed == 1
    with pytest.raises(BackendError, match="closed"):
        threads[0].call(lambda: None)


def test_what_cannot_be_made_raises_its_own_error() -> None:
    def make(_: CudaThread) -> Made:
        raise BackendError("refused")

    with pytest.raises(BackendError, match="refused"):
        make_in_thread(Cuda(SimulatedCudart()), make)
