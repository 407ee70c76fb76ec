"""The published size: recorded values with PyTorch and with a bundle, and the cost of a build.

Needs 20 GB of disk, 14 GB of memory and about ten minutes; `make test-slow` runs it.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from diad_deploy.bundle.folder import Bundle
from diad_deploy.detector import Detector
from diad_export.checkpoint.read import read_checkpoint
from diad_export.checkpoint.weights import load_model
from diad_export.verify.traced_bundle import trace_bundle
from tests.diad_export.model.test_reference import check_case, run_case
from tests.golden_case import FULL, golden_state_dict, relative_error

pytestmark = pytest.mark.slow

BUILD = "from diad_export.cli.commands import main; main()"


@pytest.fixture(scope="module")
def full_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training file of the published size with the recorded rule's weights."""
    path = tmp_path_factory.mktemp("full") / "full.ckpt"
    torch.save({"state_dict": golden_state_dict("full"), "optimizer_states": []}, path)
    return path


@pytest.fixture(scope="module")
def full_bundle(full_checkpoint: Path) -> Path:
    """Its bundle, built by the command, with a check of the cost."""
    bundle = full_checkpoint.with_name("bundle")
    run_build(full_checkpoint, bundle, most_gb=14)
    return bundle


@pytest.fixture(scope="module")
def full_half_bundle(full_checkpoint: Path) -> Bundle:
    """Its float16 bundle with engines, with a check of the cost."""
    bundle = full_checkpoint.with_name("half")
    engines = ["--target", "tensorrt-rtx", "--compute-capability", "8.9"]
    run_build(full_checkpoint, bundle, "--precision", "fp16", *engines, most_gb=16)
    return Bundle.open(bundle)


def run_build(checkpoint: Path, bundle: Path, *more: str, most_gb: float) -> None:
    command = [sys.executable, "-c", BUILD, "build", str(checkpoint), "-o", str(bundle), *more]
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start < 600
    peak = re.search(r"at most ([0-9.]+) GB of memory", done.stderr)
    assert peak is not None
    assert float(peak[1]) < most_gb


def test_reference_is_as_recorded(full_checkpoint: Path) -> None:
    check_case(run_case(load_model(read_checkpoint(full_checkpoint)), FULL, 256), FULL)


def test_bundle_is_as_recorded(full_bundle: Path) -> None:
    recorded = FULL.arrays()
    start = time.monotonic()
    with Detector.open(full_bundle) as detector:
        assert time.monotonic() - start < 30
        [found] = detector.detect(
            list(recorded["image_uint8"]),
            noise=recorded["noise"],
            posterior_noise=recorded["posterior_noise"],
        )
    assert relative_error(found.reconstruction, recorded["reconstruction"][0]) <= 1e-4
    assert relative_error(found.anomaly_map, recorded["anomaly_map"][0]) <= 1e-4
    assert abs(found.score - recorded["image_score"][0]) <= 1e-4


def test_float16_emulated_at_every_node_is_as_recorded(full_half_bundle: Bundle) -> None:
    recorded = FULL.arrays()
    image = FULL.images(full_half_bundle.manifest.image).numpy()
    with trace_bundle(
        full_half_bundle, backend="onnxruntime", device="cpu", batch_size=1
    ) as observed:
        found = observed.run(image, recorded["noise"], recorded["posterior_noise"])
    for name, limit in {"reconstruction": 0.02, "anomaly_map": 0.02, "image_score": 0.02}.items():
        assert relative_error(found[name], recorded[name]) <= limit
