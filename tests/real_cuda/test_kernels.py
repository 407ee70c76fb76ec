"""The stand-in's kernels compile, which needs no GPU; `pytest -m gpu` tests their results."""

import pytest

from diad_deploy.bundle.manifest import GRAPH_NAMES
from tests.real_cuda.kernels import compiled


@pytest.mark.parametrize("architecture", ["sm_75", "sm_90"])
def test_there_is_a_kernel_for_every_graph(architecture: str) -> None:
    try:
        code = compiled(architecture)
    except RuntimeError as error:
        pytest.skip(f"needs NVRTC, CUDA's compiler for kernels: {error}")
    for name in GRAPH_NAMES:
        assert f".text.{name}\0".encode() in code
