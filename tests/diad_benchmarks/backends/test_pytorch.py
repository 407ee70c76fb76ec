"""PyTorch's backends give the reference's scores; half precision stays near them."""

from pathlib import Path

import numpy as np
import pytest

from diad_benchmarks.backends.backend import Subject
from diad_benchmarks.backends.pytorch import (
    open_half,
    open_half_on_gpu,
    open_published,
    open_reference,
)
from diad_benchmarks.measure.stage_clock import HostClock
from diad_deploy.bundle.folder import Bundle
from diad_deploy.detector import Detector
from diad_deploy.errors import BackendError

IMAGES = list(np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def subject(small_checkpoint: Path, small_bundle: Bundle) -> Subject:
    return Subject(
        checkpoint=str(small_checkpoint), bundle=str(small_bundle.path), device="cpu", threads=1
    )


@pytest.fixture(scope="module")
def expected(small_bundle: Bundle) -> np.ndarray:
    with Detector.open(small_bundle, threads=1) as detector:
        return np.array([detection.score for detection in detector.detect(IMAGES)])


def test_published_and_reference(subject: Subject, expected: np.ndarray) -> None:
    for open_backend, decodes in ((open_published, True), (open_reference, False)):
        runner, clock = open_backend(subject), HostClock()
        outcome = runner.run(IMAGES, clock)
        assert np.abs(outcome.scores - expected).max() < 1e-5
        assert ("decode again" in clock.seconds()) == decodes
        runner.close()


def test_half_precision(subject: Subject, expected: np.ndarray) -> None:
    runner = open_half(subject, device="cpu")
    outcome = runner.run(IMAGES, HostClock())
    assert outcome.maps.dtype == np.float32
    assert runner.precision == "float16"
    assert 0 < np.abs(outcome.scores - expected).max() < 0.02


def test_half_is_for_gpus(subject: Subject) -> None:
    with pytest.raises(BackendError, match="--device cpu excludes it"):
        open_half_on_gpu(subject)
