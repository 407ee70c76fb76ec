"""OpenVINO gives ONNX Runtime's scores; without it, the row says how to get it."""

import sys

import numpy as np
import pytest

from diad_benchmarks.backends.backend import Subject, find_backend
from diad_benchmarks.measure.stage_clock import HostClock
from diad_deploy.bundle.folder import Bundle
from diad_deploy.detector import Detector
from diad_deploy.errors import BackendError

IMAGES = list(np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3), dtype=np.uint8))


def subject(bundle: Bundle) -> Subject:
    return Subject(checkpoint="none", bundle=str(bundle.path), threads=1)


def test_scores(small_bundle: Bundle) -> None:
    pytest.importorskip("openvino")
    runner = find_backend("openvino").open(subject(small_bundle))
    outcome = runner.run(IMAGES, HostClock())
    with Detector.open(small_bundle, threads=1) as detector:
        expected = [detection.score for detection in detector.detect(IMAGES)]
    assert np.abs(outcome.scores - expected).max() < 1e-4
    assert runner.detail.startswith("openvino 20")
    runner.close()


def test_not_installed(small_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(BackendError, match=r"diad_deploy\[benchmarks\]"):
        find_backend("openvino").open(subject(small_bundle))
