"""Several devices as one model: distribution of batches, concurrency, and every exit."""

import gc
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from diad_deploy import Detector
from diad_deploy.arrays import FloatArray
from diad_deploy.backends import choice, several_devices
from diad_deploy.backends.choice import ModelRequest
from diad_deploy.backends.host_model import HostModel
from diad_deploy.backends.onnxruntime.cpu import OnnxRuntimeStages
from diad_deploy.backends.several_devices import SharedModel
from diad_deploy.bundle.folder import Bundle
from diad_deploy.diffusion.stages import BatchResult, Collect, Model
from diad_deploy.errors import BackendError, CudaError
from tests.diad_deploy.backends.queued_turn import (
    TIMEOUT_S,
    InterruptsFirst,
    QueuedTurn,
    wait_joined,
)
from tests.diad_deploy.detector.test_detector import make_images
from tests.simulator.engines import with_engines
from tests.simulator.machine import Machine


def image(value: float) -> FloatArray:
    return np.full((1, 3, 2, 2), value, dtype=np.float32)


@dataclass
class FakeModel:
    """Gives the image back. One call at a time, which it checks."""

    max_pending: int = 2
    submitting: Callable[[], None] = lambda: None
    collecting: Callable[[], None] = lambda: None
    seen: list[float] = field(default_factory=list)
    closed: int = 0
    _inside: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Collect:
        assert self._inside.acquire(blocking=False), "two calls at a time"
        try:
            self.submitting()
            self.seen.append(float(image.flat[0]))
        finally:
            self._inside.release()

        def collect() -> BatchResult:
            self.collecting()
            return BatchResult(
                anomaly_map=image[:, 0], image_score=image[:, 0, 0, 0], reconstruction=image
            )

        return collect

    def close(self) -> None:
        self.closed += 1


def shared(*models: Model) -> SharedModel:
    return SharedModel({f"cuda:{number}": model for number, model in enumerate(models)})


def submit(model: SharedModel, value: float) -> Collect:
    return model.submit(image(value), image(0), image(0))


def test_a_batch_goes_where_least_is_waiting() -> None:
    first, second = FakeModel(), FakeModel()
    model = shared(first, second)
    assert model.max_pending == 4
    begun = [submit(model, value) for value in range(4)]
    assert (first.seen, second.seen) == ([0, 2], [1, 3])
    for place in (3, 1, 1):
        assert begun[place]().image_score == [place]
    begun += [submit(model, value) for value in (4, 5)]
    assert second.seen == [1, 3, 4, 5]
    # results that are no longer collected are not waited for
    del begun
    gc.collect()
    for value in (6, 7):
        submit(model, value)()
    assert (first.seen, second.seen) == ([0, 2, 6], [1, 3, 4, 5, 7])


def test_threads_keep_all_devices_busy_and_a_waiting_one_blocks_no_other() -> None:
    both = threading.Barrier(2, timeout=TIMEOUT_S)
    first, second = FakeModel(submitting=both.wait), FakeModel(submitting=both.wait)
    model = shared(first, second)
    with ThreadPoolExecutor(2) as pool:
        # neither returns before the other device is in `submit`, too
        begun = list(pool.map(lambda value: submit(model, value), range(2)))
        first.submitting = second.submitting = lambda: None
        waiting, go_on = threading.Event(), threading.Event()

        def wait() -> None:
            waiting.set()
            assert go_on.wait(TIMEOUT_S)

        first.collecting = second.collecting = wait
        collected = pool.submit(begun[0])
        assert waiting.wait(TIMEOUT_S)
        # on both devices: while one thread waits for a result another begins the next
        submit(model, 2), submit(model, 3)
        assert len(first.seen) == len(second.seen) == 2
        go_on.set()
        assert collected.result(TIMEOUT_S).image_score == [0]


def test_many_threads_get_their_own() -> None:
    models = FakeModel(), FakeModel(), FakeModel()
    model = shared(*models)
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda value: float(submit(model, value)().image_score[0]), range(400))
        assert list(found) == list(range(400))
    assert sorted(value for one in models for value in one.seen) == list(range(400))


def test_requests_take_turns_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several_devices, "Turn", QueuedTurn)
    begun, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def wait() -> None:
        begun.release()
        assert go_on.acquire(timeout=TIMEOUT_S)

    only = FakeModel(submitting=wait)
    model = shared(only)
    with ThreadPoolExecutor(3) as pool:
        many = pool.submit(lambda: [submit(model, value)() for value in (1, 2, 3)])
        wait_joined(), begun.acquire()
        for value in (10, 20):
            pool.submit(submit, model, value)
            wait_joined()
        # whoever has three batches goes to the end of the line after the first of them
        go_on.release(5)
        many.result(TIMEOUT_S)
    assert only.seen == [1, 10, 20, 2, 3]
    wait_joined(), wait_joined()


def test_ctrl_c_while_waiting_loses_no_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several_devices, "Turn", QueuedTurn)
    begun, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert go_on.wait(TIMEOUT_S)

    only = FakeModel(submitting=wait)
    model = shared(only)

    def another_comes() -> None:
        wait_joined()
        behind.append(pool.submit(submit, model, 3))
        wait_joined()

    behind: list[Future[Collect]] = []
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(submit, model, 1)
        wait_joined()
        assert begun.wait(TIMEOUT_S)
        turn = model._devices[0].lock._last
        turn.ended = InterruptsFirst(turn.ended, another_comes)  # type: ignore[assignment]
        with pytest.raises(KeyboardInterrupt):
            submit(model, 2)
        assert only.seen == []
        go_on.set()
        assert first.result(TIMEOUT_S)().image_score == [1]
        assert behind[0].result(TIMEOUT_S)().image_score == [3]
    assert only.seen == [1, 3]


def fail(error: Exception) -> Callable[[], None]:
    def failing() -> None:
        raise error

    return failing


def test_errors_say_which_device_it_was_where_there_are_several() -> None:
    broken = FakeModel(submitting=fail(CudaError("cudaErrorUnknown", "copying 8 bytes: no")))
    model = shared(FakeModel(), broken)
    kept = submit(model, 0)
    with pytest.raises(CudaError, match="cuda:1: copying 8 bytes: no") as raised:
        submit(model, 1)
    assert raised.value.name == "cudaErrorUnknown"
    broken.submitting = lambda: None
    broken.collecting = fail(BackendError("lost"))
    with pytest.raises(BackendError, match="cuda:1: lost"):
        submit(model, 2)()
    assert kept().image_score == [0]
    with pytest.raises(BackendError, match=r"^lost"):
        submit(shared(broken), 0)()


def test_closing_closes_all_and_no_batch_begins_after() -> None:
    first, second = FakeModel(), FakeModel()
    broken = FakeModel()
    broken.close = fail(BackendError("stuck"))  # type: ignore[method-assign]
    model = shared(first, broken, second)
    with pytest.raises(BackendError, match="stuck"):
        model.close()
    assert (first.closed, second.closed) == (1, 1)
    with pytest.raises(BackendError, match="closed"):
        submit(model, 0)
    assert not first.seen


@dataclass
class Opener:
    """Opens ONNX Runtime on the CPU for each GPU."""

    opened: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    broken: int | None = None

    def open(self, request: ModelRequest) -> Model:
        if request.device_index == self.broken:
            raise CudaError("cudaErrorMemoryAllocation", "too little memory; take less")
        self.opened.append(request.device_index)
        stages = OnnxRuntimeStages.open(request.bundle, threads=1)
        model = HostModel(stages, request.pipeline, upload=lambda x: x, download=lambda x: x)
        close, index = model.close, request.device_index
        model.close = lambda: (close(), self.closed.append(index))[0]  # type: ignore[method-assign]
        return model


@pytest.fixture
def opener(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Opener:
    """In place of the CUDA backends, on a machine with three GPUs."""
    made = Opener()
    machine.cudart.device_count = 3
    candidates = (
        choice._Candidate(name="fake", backend="tensorrt", device="cuda", open=made.open),
        choice._BEST_FIRST[-1],
    )
    monkeypatch.setattr(choice, "_BEST_FIRST", candidates)
    return made


def test_detections_are_those_of_one_device_in_their_order(
    opener: Opener, standin_bundle: Bundle
) -> None:
    images = make_images(11)
    with Detector.open(standin_bundle, device="cuda:1", batch_size=2) as detector:
        assert detector.devices == ("cuda:1",)
        expected = detector.detect(images)
    with Detector.open(standin_bundle, device="cuda:all", batch_size=2) as detector:
        assert (detector.backend, detector.devices) == ("fake", ("cuda:0", "cuda:1", "cuda:2"))
        assert detector.max_pending == 3
        found = detector.detect(images)
    assert (opener.opened, sorted(opener.closed)) == ([1, 0, 1, 2], [0, 1, 1, 2])
    for one, other in zip(expected, found, strict=True):
        assert one.score == other.score
        np.testing.assert_array_equal(one.anomaly_map, other.anomaly_map)
        np.testing.assert_array_equal(one.reconstruction, other.reconstruction)


def test_a_device_that_does_not_open_closes_those_that_did(
    opener: Opener, standin_bundle: Bundle
) -> None:
    opener.broken = 2
    with pytest.raises(CudaError, match="cuda:2: too little memory"):
        Detector.open(standin_bundle, backend="tensorrt", device="cuda:1,cuda:2")
    assert opener.closed == opener.opened == [1]


@pytest.mark.parametrize("backend", ["tensorrt-rtx", "onnxruntime"])
def test_on_simulated_gpus(
    machine: Machine,
    standin_bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    backend: str,
) -> None:
    bundle = with_engines(standin_bundle, tmp_path / "bundle")
    machine.cudart.device_count = 2
    machine.onnxruntime.for_cuda = True
    images = make_images(7)
    with Detector.open(bundle, backend=backend, device="cuda", batch_size=2) as detector:
        expected = [one.score for one in detector.detect(images)]
    devices: set[int] = set()
    copy = machine.cudart.cudaMemcpyAsync

    def seen(*arguments: object) -> object:
        devices.add(machine.cudart.current.device)
        return copy(*arguments)

    monkeypatch.setattr(machine.cudart, "cudaMemcpyAsync", seen)
    with Detector.open(bundle, backend=backend, device="cuda:1,cuda:0", batch_size=2) as detector:
        devices.clear()
        found = [one.score for one in detector.detect(images)]
        assert devices == {0, 1}
        with ThreadPoolExecutor(4) as pool:
            work = [pool.submit(detector.detect, images[place:]) for place in range(4)]
            for place, running in enumerate(work):
                scores = [one.score for one in running.result(TIMEOUT_S)]
                assert scores == pytest.approx(expected[place:], abs=1e-6)
    assert found == expected
