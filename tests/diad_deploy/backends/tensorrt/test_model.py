"""The TensorRT backend on the simulator: addresses, order, capture and replay, and every exit.

It shows nothing of a GPU's numbers or speed.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from diad_deploy import Detector
from diad_deploy.bundle.folder import Bundle, builtin_bundle, builtin_images
from diad_deploy.errors import BackendError, BundleDamagedError, CudaError
from diad_deploy.images.discover import find_images
from diad_deploy.images.preprocess import prepare_batch
from diad_deploy.inspection.inspect import InspectionOptions, inspect
from diad_deploy.report.results import read_rows
from tests.diad_deploy.detector.test_detector import make_images
from tests.diad_deploy.fake_detector import write_images
from tests.simulator.cudart import Errors, Failure
from tests.simulator.engines import with_engines
from tests.simulator.machine import Machine
from tests.simulator.tensorrt import SimulatedContext, SimulatedRuntime, SimulatedTensorRt

TARGETS = ("tensorrt", "tensorrt-rtx")
UNDER_WAY = ("cudaGraphLaunch", "cudaEventSynchronize")


@pytest.fixture
def bundle(standin_bundle: Bundle, tmp_path: Path) -> Bundle:
    """The stand-in with engines for batches of 1 to 4."""
    return with_engines(standin_bundle, tmp_path / "bundle")


def on_cpu(bundle: Bundle, images: list[np.ndarray], **noises: np.ndarray) -> list[float]:
    with Detector.open(bundle, backend="onnxruntime", device="cpu") as detector:
        return [found.score for found in detector.detect(images, **noises)]


def test_the_demo_gives_the_numbers_of_onnx_runtime(machine: Machine, tmp_path: Path) -> None:
    bundle = with_engines(Bundle.open(builtin_bundle()), tmp_path / "bundle", largest=2)
    paths = [file.path for file in find_images([builtin_images()])][:3]
    with Detector.open(bundle, device="cpu", batch_size=3) as detector:
        expected = detector.detect(paths)
    with Detector.open(bundle, batch_size=3) as detector:
        found = detector.detect(paths)
        assert (detector.backend, detector.max_pending) == ("tensorrt-rtx", 2)
    for one, other in zip(expected, found, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-5)
        np.testing.assert_allclose(one.anomaly_map, other.anomaly_map, atol=1e-5)
        np.testing.assert_allclose(one.reconstruction, other.reconstruction, atol=1e-4)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("policy", ["late", "early", 1, 2, 3, 4])
def test_batches_of_all_sizes(
    machine: Machine, standin_bundle: Bundle, tmp_path: Path, target: str, policy: str | int
) -> None:
    bundle = with_engines(standin_bundle, tmp_path / "bundle", target)
    machine.schedule(policy)
    images = make_images(11)
    expected = on_cpu(bundle, images)
    with Detector.open(bundle, backend=target, batch_size=3) as detector:
        for count in (11, 3, 1, 2, 11):
            scores = [found.score for found in detector.detect(images[:count])]
            assert scores == pytest.approx(expected[:count], abs=1e-6)
    assert not machine.tensorrt.left_over()
    assert not machine.tensorrt_rtx.left_over()


def test_sizes_are_recorded_at_open_and_a_rest_is_padded(machine: Machine, bundle: Bundle) -> None:
    images = make_images(7)
    expected = on_cpu(bundle, images)
    with Detector.open(bundle, batch_size=4) as detector:
        recorded = machine.tensorrt_rtx.executions
        assert machine.cudart.calls.count("cudaStreamBeginCapture") == 3  # 1, 2 and 4
        found = detector.detect(images)  # 4, and 3 in a recording of 4
        assert [one.score for one in found] == pytest.approx(expected, abs=1e-6)
        assert machine.tensorrt_rtx.executions == recorded
    assert machine.cudart.calls.count("cudaGraphLaunch") == 2


def test_a_batch_over_or_below_the_profile(
    machine: Machine, standin_bundle: Bundle, tmp_path: Path
) -> None:
    bundle = with_engines(standin_bundle, tmp_path / "bundle", smallest=2, largest=3)
    images = make_images(10)
    noise = np.random.default_rng(5).normal(size=(10, 4, 4, 4)).astype(np.float32)
    expected = on_cpu(bundle, images, noise=noise)
    with Detector.open(bundle, batch_size=10) as detector:
        found = detector.detect(images, noise=noise)
        assert [one.score for one in found] == pytest.approx(expected, abs=1e-6)
        assert len(detector.detect(images[:1])) == 1


def test_results_stay_whoever_takes_them_and_when(machine: Machine, bundle: Bundle) -> None:
    images = make_images(6)
    expected = on_cpu(bundle, images)
    detector = Detector.open(bundle, batch_size=1)
    prepared = [prepare_batch([image], bundle.manifest.image) for image in images]
    taken = [detector.submit_prepared(one, [(1, 1)]) for one in prepared]
    for place in (5, 0, 3, 3, 1):
        assert taken[place]()[0].score == pytest.approx(expected[place], abs=1e-6)
    detector.submit_prepared(prepared[0], [(1, 1)])
    late = detector.submit_prepared(prepared[1], [(1, 1)])
    detector.close()
    detector.close()
    with pytest.raises(BackendError, match="closed"):
        late()


def test_every_call_that_can_fail_leaves_nothing(machine: Machine, bundle: Bundle) -> None:
    def run() -> None:
        with Detector.open(bundle, backend="tensorrt-rtx", batch_size=1) as detector:
            detector.detect(make_images(3))

    run()
    count = len(machine.cudart.calls)
    assert count > 60
    failed = 0
    for nth in range(1, count + 1):
        machine.cudart.calls.clear()
        machine.cudart.failure = Failure(nth, Errors.cudaErrorMemoryAllocation)
        try:
            run()
        except CudaError as error:
            failed += "smaller --batch-size" in str(error)
        assert machine.cudart.left_over() == {}, nth
    # the last ones wait for pending work during closing
    assert count - failed <= 5


def refuse(number: int) -> Callable[[int], bool]:
    return lambda execution: execution != number


def interrupt(number: int) -> Callable[[int], bool]:
    def before(execution: int) -> bool:
        if execution == number:
            raise KeyboardInterrupt
        return True

    return before


def test_a_context_that_fails_at_any_stage(machine: Machine, bundle: Bundle) -> None:
    passes = 5  # encoder, two steps, decoder, scorer; once before they are recorded
    for number in range(1, 2 * passes + 1):
        machine.tensorrt_rtx.executions = 0
        machine.tensorrt_rtx.before_execution = refuse(number)
        with pytest.raises(BackendError, match="cannot run a batch of 1: an error of the"):
            Detector.open(bundle, backend="tensorrt-rtx")
        assert machine.cudart.left_over() == {}
    # and the next one opens
    with Detector.open(bundle, backend="tensorrt-rtx") as detector:
        assert len(detector.detect(make_images(2))) == 2
    assert not machine.tensorrt_rtx.left_over()


@pytest.mark.parametrize("number", [1, 3, 6, 8, 10])
def test_ctrl_c_while_enqueuing_and_recording(
    machine: Machine, bundle: Bundle, number: int
) -> None:
    machine.tensorrt_rtx.before_execution = interrupt(number)
    with pytest.raises(KeyboardInterrupt), Detector.open(bundle) as detector:
        detector.detect(make_images(2))


def test_a_lack_of_memory_is_reported_before_anything_is_loaded(
    machine: Machine, bundle: Bundle
) -> None:
    machine.cudart.memory_bytes = 50_000
    with pytest.raises(BackendError, match=r"expected about 1 MiB \(1 MiB engines, 1 MiB buffers"):
        Detector.open(bundle, backend="tensorrt-rtx")
    assert "cudaMalloc" not in machine.cudart.calls


def test_an_engine_that_has_changed_is_never_loaded(machine: Machine, bundle: Bundle) -> None:
    engine = bundle.path / "engines/tensorrt-rtx/decoder.engine"
    content = bytearray(engine.read_bytes())
    content[10] ^= 1
    engine.write_bytes(content)
    unverified = Bundle.open(bundle.path, verify=False)
    with pytest.raises(BundleDamagedError, match="has changed and is not loaded"):
        Detector.open(unverified, backend="tensorrt-rtx")


def test_an_engine_that_tensorrt_refuses(machine: Machine, bundle: Bundle) -> None:
    machine.tensorrt_rtx.refuse_engines = True
    with pytest.raises(BackendError, match="the engine plan is not for this GPU; rebuild"):
        Detector.open(bundle, backend="tensorrt-rtx")


def test_an_engine_of_another_graph(
    machine: Machine, standin_bundle: Bundle, tmp_path: Path
) -> None:
    described = (
        b'{"onnx": "%s", "smallest": 1, "largest": 2, "scratch_bytes": 64}'
        % str(standin_bundle.file("decoder.onnx")).encode()
    )
    bundle = with_engines(standin_bundle, tmp_path / "bundle", engine=lambda graph: described)
    with pytest.raises(BackendError, match="expected tensors hint, image"):
        Detector.open(bundle, backend="tensorrt-rtx")


def test_contexts_that_cannot_be_recorded(machine: Machine, bundle: Bundle) -> None:
    machine.tensorrt_rtx.capturable = False
    with pytest.raises(BackendError, match="captured in a CUDA graph"):
        Detector.open(bundle, backend="tensorrt-rtx")


def test_a_folder_with_two_pending_batches_gives_onnx_runtime_s_rows(
    machine: Machine, bundle: Bundle, tmp_path: Path
) -> None:
    write_images(tmp_path / "parts", 11)
    (tmp_path / "parts/004.png").write_bytes(b"")
    files = find_images([tmp_path / "parts"])
    rows = {}
    for device in ("cpu", "cuda"):
        machine.cudart.calls.clear()
        out = tmp_path / device
        with Detector.open(bundle, device=device, batch_size=2) as detector:
            assert detector.max_pending == (2 if device == "cuda" else 1)
            inspect(files, detector, out, InspectionOptions())
        rows[device] = list(read_rows(out / "results.jsonl"))
    calls = [name for name in machine.cudart.calls if name in UNDER_WAY]
    # the second batch is launched before the first one is waited for
    assert calls[:3] == ["cudaGraphLaunch", "cudaGraphLaunch", "cudaEventSynchronize"]
    assert len(rows["cuda"]) == 11
    for one, other in zip(rows["cpu"], rows["cuda"], strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-6)
        assert replace(one, score=None) == replace(other, score=None)


def test_tensors_whose_shapes_are_not_settled_are_named(
    machine: Machine, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimulatedContext, "infer_shapes", lambda _: ["image", "noise"])
    with pytest.raises(BackendError, match=r"^encoder: .* cannot infer the shapes of image, no"):
        Detector.open(bundle, backend="tensorrt-rtx")
    assert machine.cudart.left_over() == {}


def raise_error(*_: object) -> None:
    raise RuntimeError("a C++\nexception")


@pytest.mark.parametrize(
    ("owner", "name", "message"),
    [
        (SimulatedTensorRt, "Runtime", r"loading the tensorrt-rtx engines failed: a C\+\+ exc"),
        (SimulatedRuntime, "deserialize_cuda_engine", "loading the tensorrt-rtx engines failed"),
        (SimulatedContext, "infer_shapes", "encoder: preparing tensorrt-rtx for a batch of 1"),
        (SimulatedContext, "execute_async_v3", "encoder: running a batch of 1 on tensorrt-rtx"),
    ],
)
def test_what_the_bindings_raise_is_reported_in_a_line(
    machine: Machine,
    bundle: Bundle,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    message: str,
) -> None:
    monkeypatch.setattr(owner, name, raise_error)
    with pytest.raises(BackendError, match=message) as raised:
        Detector.open(bundle, backend="tensorrt-rtx")
    assert "\n" not in str(raised.value)


def test_a_failed_open_frees_its_engines_while_the_error_is_handled(
    machine: Machine, bundle: Bundle
) -> None:
    machine.tensorrt_rtx.before_execution = refuse(3)
    with pytest.raises(BackendError) as raised:
        Detector.open(bundle, backend="tensorrt-rtx")
    assert not machine.tensorrt_rtx.left_over()
    assert raised.value.__traceback__ is not None
