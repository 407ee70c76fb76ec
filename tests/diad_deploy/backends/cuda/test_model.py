"""A model on a simulated GPU: waiting for the GPU does not block other threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from diad_deploy import Detector
from diad_deploy.backends.onnxruntime.cuda import open_onnxruntime_cuda
from diad_deploy.bundle.folder import Bundle
from diad_deploy.diffusion.noise import broadcast_noise
from diad_deploy.diffusion.pipeline import make_pipeline
from diad_deploy.diffusion.schedule import ddim_steps
from diad_deploy.diffusion.stages import Collect
from diad_deploy.errors import BackendError, CudaError
from diad_deploy.images.preprocess import prepare_batch
from tests.diad_deploy.backends.queued_turn import TIMEOUT_S
from tests.diad_deploy.detector.test_detector import make_images
from tests.simulator.cudart import Errors
from tests.simulator.machine import Machine


@pytest.mark.parametrize("count", [1, 3])
def test_a_batch_that_waits_for_a_slot_holds_nothing(
    machine: Machine, standin_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    machine.onnxruntime.for_cuda = True
    pipeline = make_pipeline(ddim_steps(standin_bundle.manifest.schedule))
    model = open_onnxruntime_cuda(
        standin_bundle, pipeline=pipeline, batch_size=1, device=0, threads=1, tf32=False
    )
    image = prepare_batch(make_images(count), standin_bundle.manifest.image)
    noises = [broadcast_noise(noise, count) for noise in standin_bundle.noise()]
    alone = model.submit(image, *noises)().image_score.tolist()

    waits, go_on = threading.Event(), threading.Event()
    wait_for_gpu = machine.cudart.cudaEventSynchronize

    def wait(event: object) -> object:
        waits.set()
        assert go_on.wait(TIMEOUT_S)
        return wait_for_gpu(event)

    def submit() -> Collect:
        return model.submit(image, *noises)

    # fill the slots, as far as that goes without waiting
    begun = [submit() for _ in range(model.max_pending)] if count == 1 else []
    monkeypatch.setattr(machine.cudart, "cudaEventSynchronize", wait)
    with ThreadPoolExecutor(1) as pool:
        another = pool.submit(submit)
        try:
            assert waits.wait(TIMEOUT_S)
            free = model._lock.acquire(timeout=0)
            free and model._lock.release()
            assert free
            # and the model's thread takes calls, which it did not while it waited itself
            assert model._thread.begin(threading.get_ident).result(TIMEOUT_S)
        finally:
            go_on.set()
        begun.append(another.result(TIMEOUT_S))
    assert [one().image_score.tolist() for one in begun] == [alone] * len(begun)
    model.close()
    with pytest.raises(BackendError, match="the model is closed"):
        submit()


def test_a_batch_that_waits_while_the_model_closes_raises(
    machine: Machine, standin_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.onnxruntime.for_cuda = True
    pipeline = make_pipeline(ddim_steps(standin_bundle.manifest.schedule))
    model = open_onnxruntime_cuda(
        standin_bundle, pipeline=pipeline, batch_size=1, device=0, threads=1, tf32=False
    )
    image = prepare_batch(make_images(1), standin_bundle.manifest.image)
    noises = [broadcast_noise(noise, 1) for noise in standin_bundle.noise()]
    closing = threading.Event()
    wait_for_gpu = machine.cudart.cudaEventSynchronize
    wait_for_stream = machine.cudart.cudaStreamSynchronize

    def wait(event: object) -> object:
        pool.submit(model.close)
        assert closing.wait(TIMEOUT_S)
        return wait_for_gpu(event)

    def signal_closing(stream: object) -> object:
        closing.set()
        return wait_for_stream(stream)

    for _ in range(model.max_pending):
        model.submit(image, *noises)
    monkeypatch.setattr(machine.cudart, "cudaEventSynchronize", wait)
    monkeypatch.setattr(machine.cudart, "cudaStreamSynchronize", signal_closing)
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(BackendError, match="the model is closed; open it again"),
    ):
        model.submit(image, *noises)


def test_of_a_gpu_that_has_failed_the_first_error_is_raised(
    machine: Machine, standin_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.onnxruntime.for_cuda = True
    with Detector.open(standin_bundle, device="cuda") as detector:
        broken = Errors.cudaErrorIllegalAddress
        exchange = machine.cudart.cudaThreadExchangeStreamCaptureMode

        def fail(_: object) -> object:
            monkeypatch.setattr(
                machine.cudart, "cudaThreadExchangeStreamCaptureMode", lambda _: (broken, None)
            )
            return (broken,)

        monkeypatch.setattr(machine.cudart, "cudaEventSynchronize", fail)
        with pytest.raises(CudaError, match="waiting for a batch's results failed with"):
            detector.detect(make_images(1))
        monkeypatch.setattr(machine.cudart, "cudaThreadExchangeStreamCaptureMode", exchange)
