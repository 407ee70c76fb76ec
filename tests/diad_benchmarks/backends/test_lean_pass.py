"""The pass that is recorded into a CUDA graph gives the bundle's scores, in both precisions."""

from pathlib import Path

import numpy as np
import pytest
import torch

from diad_benchmarks.backends.backend import Subject
from diad_benchmarks.backends.lean_pass import LeanPass
from diad_benchmarks.backends.pytorch import open_recorded
from diad_benchmarks.backends.torch_reference import load_subject
from diad_deploy.bundle.folder import Bundle
from diad_deploy.detector import Detector
from diad_deploy.errors import BackendError
from diad_deploy.images.preprocess import prepare_batch

IMAGES = list(np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def subject(small_checkpoint: Path, small_bundle: Bundle) -> Subject:
    return Subject(
        checkpoint=str(small_checkpoint), bundle=str(small_bundle.path), device="cpu", threads=1
    )


@pytest.mark.parametrize(
    ("dtype", "least", "most"), [(torch.float32, 0.0, 1e-5), (torch.float16, 1e-7, 0.02)]
)
def test_it_scores_as_the_bundle_does(
    subject: Subject, small_bundle: Bundle, dtype: torch.dtype, least: float, most: float
) -> None:
    lean = LeanPass(load_subject(subject), small_bundle.manifest, device="cpu", dtype=dtype)
    lean.lay_out(torch.channels_last)
    inputs = [prepare_batch(IMAGES, small_bundle.manifest.image)]
    inputs += [np.repeat(noise[np.newaxis], 2, axis=0) for noise in small_bundle.noise()]
    anomaly_map, score = lean.run(*map(torch.from_numpy, inputs))
    assert anomaly_map.dtype == score.dtype == torch.float32
    with Detector.open(small_bundle, threads=1) as detector:
        expected = [detection.score for detection in detector.detect(IMAGES)]
    assert least <= np.abs(score.numpy() - expected).max() < most


def test_it_is_recorded_on_gpus_only(subject: Subject) -> None:
    with pytest.raises(BackendError, match="a CUDA graph needs a GPU"):
        open_recorded(subject)
