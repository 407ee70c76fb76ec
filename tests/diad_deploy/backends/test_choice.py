"""The best supported backend is chosen; without one, the error is one line."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from diad_deploy import Detector
from diad_deploy.backends import choice
from diad_deploy.bundle.engine_spec import EngineSpec
from diad_deploy.bundle.folder import Bundle
from diad_deploy.errors import BackendError, CudaError, OptionError
from tests.diad_deploy.detector.test_detector import make_images
from tests.simulator.cudart import Errors, Failure
from tests.simulator.engines import with_engines
from tests.simulator.machine import Machine


def opened(bundle: Bundle, **options: str) -> tuple[str, str]:
    with Detector.open(bundle, **options) as detector:
        detector.detect(make_images(1))
        return detector.backend, detector.backend_reason


def test_engines_for_this_gpu_come_first(
    machine: Machine, standin_bundle: Bundle, tmp_path: Path
) -> None:
    rtx = with_engines(standin_bundle, tmp_path / "rtx")
    full = with_engines(standin_bundle, tmp_path / "full", "tensorrt")
    assert opened(rtx) == ("tensorrt-rtx", "not tensorrt: no engines for it in the bundle")
    assert opened(full) == ("tensorrt", "the best that the bundle and the machine support")
    assert opened(full, device="cpu") == ("onnxruntime", "requested")
    assert opened(full, backend="onnxruntime")[0] == "onnxruntime"


def test_without_engines_and_without_cuda(standin_bundle: Bundle) -> None:
    backend, reason = opened(standin_bundle)
    assert backend == "onnxruntime"
    assert reason.count("no engines for it in the bundle") == 2
    assert "cannot run on cuda" in reason
    assert "\n" not in reason


def test_engines_that_do_not_fit_are_skipped_with_a_reason(
    machine: Machine, standin_bundle: Bundle, tmp_path: Path
) -> None:
    bundle = with_engines(standin_bundle, tmp_path / "bundle")
    machine.cudart.properties.minor = 0
    backend, reason = opened(bundle)
    assert backend == "onnxruntime"
    assert "8.6 and 8.9, but Simulated GPU has 8.0" in reason


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "abacus"}, "expected one of auto, onnxruntime, tensorrt, tensorrt-rtx"),
        ({"device": "tpu"}, "expected auto, cpu, cuda"),
        ({"device": "cpu", "backend": "tensorrt"}, "does not run on device 'cpu'"),
        ({"device": "cpu", "backend": "tensorrt-rtx"}, "does not run on device 'cpu'"),
    ],
)
def test_options_that_contradict(
    standin_bundle: Bundle, options: dict[str, str], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        Detector.open(standin_bundle, **options)


def test_cuda_with_an_onnxruntime_for_the_cpu(standin_bundle: Bundle) -> None:
    with pytest.raises(BackendError, match=r"expected CUDAExecutionProvider, found .*\[gpu\]"):
        Detector.open(standin_bundle, device="cuda", backend="onnxruntime")
    with pytest.raises(
        BackendError, match=r"on device cuda: tensorrt: no engines.*: expected CUDAE"
    ):
        Detector.open(standin_bundle, device="cuda")


@pytest.mark.parametrize("name", ["cudaErrorNoDevice", "cudaErrorInsufficientDriver"])
def test_no_gpu(machine: Machine, standin_bundle: Bundle, tmp_path: Path, name: str) -> None:
    bundle = with_engines(standin_bundle, tmp_path / "bundle")
    machine.cudart.failure = Failure(1, getattr(Errors, name), "cudaGetDeviceCount")
    with pytest.raises(CudaError, match="an NVIDIA GPU") as raised:
        Detector.open(bundle, backend="tensorrt-rtx")
    assert raised.value.name == name


@pytest.mark.parametrize(
    ("module", "extra"), [("tensorrt_rtx", "tensorrt-rtx"), ("cuda.bindings.runtime", "tensorrt")]
)
def test_a_library_that_is_not_installed(
    machine: Machine,
    standin_bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    extra: str,
) -> None:
    bundle = with_engines(standin_bundle, tmp_path / "bundle")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BackendError, match=rf"diad_deploy\[{extra}\]"):
        Detector.open(bundle, backend="tensorrt-rtx")


def other_version(spec: EngineSpec) -> EngineSpec:
    return replace(spec, version="1.6.0.1")


def other_card(spec: EngineSpec) -> EngineSpec:
    return replace(spec, compute_capabilities=("12.0",))


def other_graph(spec: EngineSpec) -> EngineSpec:
    return replace(spec, graph_sha256="ab" * 32) if spec.graph == "scorer" else spec


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_version, "built by version 1.6.0.1, but version 1.7.1.116 is installed"),
        (other_card, "capability 12.0, but Simulated GPU has 8.9"),
        (other_graph, "scorer was built from a graph with SHA-256 abababababab"),
    ],
)
def test_engines_of_another_make(
    machine: Machine, standin_bundle: Bundle, tmp_path: Path, change, message: str
) -> None:
    bundle = with_engines(standin_bundle, tmp_path / "bundle", change=change)
    with pytest.raises(BackendError, match=message) as raised:
        Detector.open(bundle, backend="tensorrt-rtx")
    command = f"diad-export engines {bundle.path} --target tensorrt-rtx --compute-capability 8.9"
    assert command in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_reason_of_a_backend_is_complete(
    machine: Machine, standin_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise BackendError("decoder: one fault; another fault; rebuild the engines")

    bundle = with_engines(standin_bundle, tmp_path / "bundle")
    monkeypatch.setattr(choice, "open_tensorrt", fail)
    _, reason = opened(bundle)
    assert "not tensorrt-rtx: decoder: one fault; another fault; not onnxruntime-cuda: " in reason
    assert "rebuild" not in reason
    machine.onnxruntime.for_cuda = True
    monkeypatch.setattr(choice, "open_onnxruntime_cuda", fail)
    with pytest.raises(BackendError, match=r"another fault; rebuild the engines$"):
        Detector.open(bundle, device="cuda")


def test_a_bundle_without_engines(machine: Machine, standin_bundle: Bundle) -> None:
    with pytest.raises(BackendError, match="no tensorrt engine for encoder, denoiser, decoder"):
        Detector.open(standin_bundle, backend="tensorrt")
