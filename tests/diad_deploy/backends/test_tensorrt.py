"""The TensorRT backend on the simulator: addresses, order, capture and replay, and every way out.

It shows nothing of a GPU's numbers or speed.
"""

from pathlib import Path

import numpy as np
import pytest

from diad_deploy import Detector
from diad_deploy.bundle import Bundle, builtin_bundle, builtin_pictures
from diad_deploy.picture_files import find_pictures
from tests.diad_deploy.test_detector import pictures
from tests.simulator.engines import with_engines
from tests.simulator.machine import Machine

TARGETS = ("tensorrt", "tensorrt-rtx")


@pytest.fixture
def bundle(standin_bundle: Bundle, tmp_path: Path) -> Bundle:
    """The stand-in with engines for batches of 1 to 4."""
    return with_engines(standin_bundle, tmp_path / "bundle")


def on_cpu(bundle: Bundle, images: list[np.ndarray], **noises: np.ndarray) -> list[float]:
    with Detector.open(bundle, backend="onnxruntime", device="cpu") as detector:
        return [found.score for found in detector.detect(images, **noises)]


def test_the_demo_gives_the_numbers_of_onnx_runtime(machine: Machine, tmp_path: Path) -> None:
    bundle = with_engines(Bundle.open(builtin_bundle()), tmp_path / "bundle", largest=2)
    paths = [file.path for file in find_pictures([builtin_pictures()])][:3]
    with Detector.open(bundle, device="cpu", batch_size=3) as detector:
        expected = detector.detect(paths)
    with Detector.open(bundle, batch_size=3) as detector:
        found = detector.detect(paths)
        assert (detector.backend, detector.in_flight) == ("tensorrt-rtx", 2)
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
    images = pictures(11)
    expected = on_cpu(bundle, images)
    with Detector.open(bundle, backend=target, batch_size=3) as detector:
        for count in (11, 3, 1, 2, 11):
            scores = [found.score for found in detector.detect(images[:count])]
            assert scores == pytest.approx(expected[:count], abs=1e-6)
    assert not machine.tensorrt.left_over()
    assert not machine.tensorrt_rtx.left_over()
