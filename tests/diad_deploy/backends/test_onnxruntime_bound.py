"""Bound inputs and outputs give the numbers of plain arrays; here on the CPU's own memory."""

from types import SimpleNamespace

import numpy as np
import pytest

from diad_deploy.backends.direct import DirectModel
from diad_deploy.backends.onnxruntime_bound import BoundStages
from diad_deploy.backends.onnxruntime_sessions import check_placement
from diad_deploy.bundle import Bundle
from diad_deploy.detector import Detector
from diad_deploy.errors import BackendError
from diad_deploy.pipeline import in_order
from diad_deploy.preprocess import prepare_batch
from diad_deploy.schedule import ddim_steps
from tests.diad_deploy.test_detector import pictures


def test_the_numbers_of_plain_arrays(standin_bundle: Bundle) -> None:
    images = pictures(3)
    with Detector.open(standin_bundle, device="cpu") as detector:
        expected = detector.detect(images)
    stages = BoundStages.open(standin_bundle, device="cpu")
    order = in_order(ddim_steps(standin_bundle.manifest.schedule))
    model = DirectModel(stages, order, upload=stages.upload, download=stages.download)
    batch = prepare_batch(images, standin_bundle.manifest.image)
    noises = [np.stack([noise] * 3) for noise in standin_bundle.noise()]
    for _ in range(2):
        found = model.submit(batch, *noises)()
        np.testing.assert_allclose(found.image_score, [one.score for one in expected], atol=1e-6)
        np.testing.assert_allclose(found.anomaly_map[1], expected[1].anomaly_map, atol=1e-6)
    with pytest.raises(BackendError, match=r"encoder: ONNX Runtime failed on cpu"):
        model.submit(batch[:, :2].copy(), *noises)
    model.close()
    model.close()
    with pytest.raises(BackendError, match="closed"):
        model.submit(batch, *noises)


def session(providers: list[str], **nodes: str) -> SimpleNamespace:
    parts = [
        SimpleNamespace(ep_name=provider, get_nodes=lambda op=op: [SimpleNamespace(op_type=op)])
        for op, provider in nodes.items()
    ]
    return SimpleNamespace(
        get_providers=lambda: providers, get_provider_graph_assignment_info=lambda: parts
    )


CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


def test_a_session_that_came_up_elsewhere() -> None:
    with pytest.raises(BackendError, match="expected CUDAExecutionProvider, found CPUExec"):
        check_placement("a.onnx", session([CPU]), "cuda")


def test_nodes_that_would_run_elsewhere() -> None:
    check_placement("a.onnx", session([CUDA, CPU], Conv=CUDA, Shape=CPU, Concat=CPU), "cuda")
    with pytest.raises(BackendError, match="would run Conv outside CUDA"):
        check_placement("a.onnx", session([CUDA, CPU], Conv=CPU, Shape=CPU), "cuda")
