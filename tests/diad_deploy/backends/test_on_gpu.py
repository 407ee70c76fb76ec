"""The same on a real card: run them with `pytest -m gpu` where there is one."""

from pathlib import Path

import numpy as np
import pytest

from diad_deploy import Detector
from diad_deploy.bundle import Bundle, builtin_bundle, builtin_pictures
from diad_deploy.engine_spec import Target
from diad_deploy.picture_files import find_pictures
from tests.diad_deploy.test_detector import pictures
from tests.engines_on_gpu import build_engines

pytestmark = pytest.mark.gpu
MODULES = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}


@pytest.fixture(params=["tensorrt", "tensorrt-rtx"])
def target(request: pytest.FixtureRequest) -> Target:
    pytest.importorskip(MODULES[request.param])
    return request.param


def test_the_demo_gives_the_numbers_of_onnx_runtime(target: Target, tmp_path: Path) -> None:
    bundle = build_engines(Bundle.open(builtin_bundle()), tmp_path / "bundle", target, largest=2)
    paths = [file.path for file in find_pictures([builtin_pictures()])]
    with Detector.open(bundle, device="cpu") as detector:
        expected = detector.detect(paths)
    with Detector.open(bundle, backend=target, batch_size=3) as detector:
        found = detector.detect(paths)
        again = detector.detect(paths)
    for one, other, repeated in zip(expected, found, again, strict=True):
        assert one.score == pytest.approx(other.score, abs=2e-2)
        assert np.corrcoef(one.anomaly_map.ravel(), other.anomaly_map.ravel())[0, 1] > 0.999
        assert other.score == pytest.approx(repeated.score, abs=1e-6)


def test_batches_of_all_sizes(target: Target, standin_bundle: Bundle, tmp_path: Path) -> None:
    bundle = build_engines(standin_bundle, tmp_path / "bundle", target, largest=4)
    images = pictures(11)
    with Detector.open(bundle, device="cpu") as detector:
        expected = [found.score for found in detector.detect(images)]
    with Detector.open(bundle, backend=target, batch_size=3) as detector:
        for count in (11, 3, 1, 2, 11):
            scores = [found.score for found in detector.detect(images[:count])]
            assert scores == pytest.approx(expected[:count], abs=1e-2)


def test_onnx_runtime_on_cuda(standin_bundle: Bundle) -> None:
    runtime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" not in runtime.get_available_providers():
        pytest.skip("this onnxruntime is built for the CPU")
    images = pictures(5)
    with Detector.open(standin_bundle, device="cpu") as detector:
        expected = [found.score for found in detector.detect(images)]
    with Detector.open(standin_bundle, backend="onnxruntime", device="cuda") as detector:
        assert [f.score for f in detector.detect(images)] == pytest.approx(expected, abs=1e-2)
