"""ONNX Runtime on CUDA, on the simulator: fixed addresses, one stream, recordings at open.

It shows nothing of a GPU's numbers or speed.
"""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from diad_deploy import Detector
from diad_deploy.backends.onnxruntime.sessions import check_started
from diad_deploy.bundle.folder import Bundle, builtin_bundle, builtin_images
from diad_deploy.errors import BackendError, CudaError, OptionError
from diad_deploy.images.discover import find_images
from diad_export.verify.traced_bundle import trace_bundle
from tests.diad_deploy.detector.test_detector import make_images
from tests.simulator.cudart import Errors, Failure
from tests.simulator.machine import Machine

ON_CUDA = {"backend": "onnxruntime", "device": "cuda"}


@pytest.fixture(autouse=True)
def _for_cuda(machine: Machine) -> None:
    machine.onnxruntime.for_cuda = True


def on_cpu(bundle: Bundle, images: list[np.ndarray], **noises: np.ndarray) -> list[float]:
    with Detector.open(bundle, backend="onnxruntime", device="cpu") as detector:
        return [found.score for found in detector.detect(images, **noises)]


def test_the_demo_gives_the_numbers_of_the_cpu(machine: Machine) -> None:
    paths = [file.path for file in find_images([builtin_images()])][:3]
    with Detector.open(builtin_bundle(), device="cpu") as detector:
        expected = detector.detect(paths)
    with Detector.open(builtin_bundle(), batch_size=2) as detector:
        found = detector.detect(paths)
        assert (detector.backend, detector.max_pending) == ("onnxruntime-cuda", 2)
    for one, other in zip(expected, found, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-5)
        np.testing.assert_allclose(one.reconstruction, other.reconstruction, atol=1e-4)
    assert not machine.onnxruntime.left_over()


@pytest.mark.parametrize("policy", ["late", "early", 1, 2, 3])
def test_batches_of_all_sizes(machine: Machine, standin_bundle: Bundle, policy: str | int) -> None:
    machine.schedule(policy)
    images = make_images(11)
    noise = np.random.default_rng(5).normal(size=(11, 4, 4, 4)).astype(np.float32)
    expected = on_cpu(standin_bundle, images, noise=noise)
    with Detector.open(standin_bundle, **ON_CUDA, batch_size=3) as detector:
        for count in (11, 3, 1, 2, 11):
            found = detector.detect(images[:count], noise=noise[:count])
            assert [one.score for one in found] == pytest.approx(expected[:count], abs=1e-6)
    assert not machine.onnxruntime.left_over()


def test_sizes_are_recorded_at_open_and_a_rest_is_padded(
    machine: Machine, standin_bundle: Bundle
) -> None:
    graphs, sizes, passes = 4, 3, 5  # recordings a graph; encoder, two steps, decoder, scorer
    with Detector.open(standin_bundle, **ON_CUDA, batch_size=4) as detector:
        assert machine.onnxruntime.recordings == graphs * sizes
        assert machine.onnxruntime.runs == passes * sizes
        detector.detect(make_images(7))
        assert machine.onnxruntime.recordings == graphs * sizes
        assert machine.onnxruntime.runs == passes * (sizes + 2)
        assert machine.onnxruntime.preloaded <= 1


def test_every_call_that_can_fail_leaves_nothing(machine: Machine, standin_bundle: Bundle) -> None:
    def run() -> None:
        with Detector.open(standin_bundle, **ON_CUDA, batch_size=1) as detector:
            detector.detect(make_images(3))

    run()
    count = len(machine.cudart.calls)
    failed = 0
    for nth in range(1, count + 1):
        machine.cudart.calls.clear()
        machine.cudart.failure = Failure(nth, Errors.cudaErrorMemoryAllocation)
        try:
            run()
        except CudaError as error:
            failed += "smaller --batch-size" in str(error)
        assert machine.cudart.left_over() == {}, nth
    # those of the closing, which suppresses them
    assert count - failed <= 5
    assert not machine.onnxruntime.left_over()


def out_of_memory(number: int) -> Callable[[int], None]:
    def before(run: int) -> None:
        if run == number:
            raise RuntimeError("[ONNXRuntimeError] : 6 : Failed to allocate memory")

    return before


def test_a_run_that_fails_names_its_stage_and_leaves_the_process_usable(
    machine: Machine, standin_bundle: Bundle
) -> None:
    machine.onnxruntime.before_run = out_of_memory(2)
    with pytest.raises(BackendError, match=r"denoiser: ONNX Runtime failed on cuda:0 with a batch"):
        Detector.open(standin_bundle, **ON_CUDA)
    assert machine.cudart.left_over() == {}
    with Detector.open(standin_bundle, **ON_CUDA) as detector:
        assert len(detector.detect(make_images(2))) == 2


def test_a_session_that_is_refused_or_comes_up_elsewhere(
    machine: Machine, standin_bundle: Bundle
) -> None:
    machine.onnxruntime.refusal = "not all compute graph nodes are on CUDA"
    with pytest.raises(BackendError, match=r"refuses the graph: .*not all compute graph nodes"):
        Detector.open(standin_bundle, **ON_CUDA)
    machine.onnxruntime.refusal = None
    machine.onnxruntime.starts = False
    with pytest.raises(BackendError, match="expected CUDAExecutionProvider, found CPUExec"):
        Detector.open(standin_bundle, **ON_CUDA)


def placed(**nodes: list[str]) -> SimpleNamespace:
    parts = [
        SimpleNamespace(ep_name=name, get_nodes=lambda held=held: held)
        for name, held in nodes.items()
    ]
    return SimpleNamespace(
        get_providers=lambda: ["CUDA", "CPU"], get_provider_graph_assignment_info=lambda: parts
    )


def test_a_graph_of_which_nothing_runs_on_cuda() -> None:
    check_started("a.onnx", placed(CUDA=["Conv"], CPU=["Concat"]), "CUDA")
    with pytest.raises(BackendError, match="would run none of it on CUDA"):
        check_started("a.onnx", placed(CPU=["Det"]), "CUDA")


def test_too_little_memory_is_told_before_anything_is_loaded(
    machine: Machine, standin_bundle: Bundle
) -> None:
    machine.cudart.memory_bytes = 50_000
    with pytest.raises(BackendError, match=r"MiB weights, .* MiB buffers"):
        Detector.open(standin_bundle, **ON_CUDA)
    assert "cudaMalloc" not in machine.cudart.calls


def test_tensor_cores_are_for_tf32_and_float16_alone(
    machine: Machine, standin_bundle: Bundle
) -> None:
    for tf32, name in ((False, "onnxruntime-cuda"), (True, "onnxruntime-cuda-tf32")):
        with Detector.open(standin_bundle, **ON_CUDA, tf32=tf32) as detector:
            assert detector.backend == name
            used = {session.options["use_tf32"] for session in machine.onnxruntime.alive}
            assert used == {str(int(tf32))}
    manifest = standin_bundle.manifest
    halves = tuple(replace(graph, precision="float16") for graph in manifest.graphs)
    half = replace(standin_bundle, manifest=replace(manifest, graphs=halves))
    with Detector.open(half, **ON_CUDA):
        assert {s.options["use_tf32"] for s in machine.onnxruntime.alive} == {"1"}


def test_verify_sees_every_step(machine: Machine, standin_bundle: Bundle) -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(3, 3, 32, 32)).astype(np.float32)
    noise = rng.normal(size=(2, 3, 4, 4, 4)).astype(np.float32)
    seen = {}
    for device in ("cpu", "cuda"):
        with trace_bundle(
            standin_bundle, backend="onnxruntime", device=device, batch_size=2
        ) as observed:
            seen[device] = observed.run(image, *noise)
    assert seen["cpu"].keys() == seen["cuda"].keys()
    for name, values in seen["cpu"].items():
        np.testing.assert_allclose(seen["cuda"][name], values, atol=1e-5, err_msg=name)


def test_the_second_card(machine: Machine, standin_bundle: Bundle) -> None:
    machine.cudart.device_count = 2
    expected = on_cpu(standin_bundle, make_images(3))
    with Detector.open(standin_bundle, backend="onnxruntime", device="cuda:1") as detector:
        found = detector.detect(make_images(3))
    assert [one.score for one in found] == pytest.approx(expected, abs=1e-6)
    # the caller's thread stays on its own
    assert machine.cudart.current.device == 0
    with pytest.raises(OptionError, match=r"cuda:2: expected cuda:0 to cuda:1"):
        Detector.open(standin_bundle, backend="onnxruntime", device="cuda:2")
