"""Every supported onnxruntime-gpu runs all graphs entirely on CUDA, by its own partitioner.

Downloads the oldest and the newest version (250 MB each); `make test-slow` runs it.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from diad_deploy.bundle.folder import Bundle
from tests.partition.graphs import FORMS, graph_files
from tests.partition.onnxruntime_gpu import NotInstalledError, OnnxruntimeGpu, install

pytestmark = pytest.mark.slow

REQUIREMENTS = ("onnxruntime-gpu==1.23.0", "onnxruntime-gpu<2")
"""The oldest and the newest version that the project supports."""


@pytest.fixture(scope="module", params=REQUIREMENTS)
def runtime(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OnnxruntimeGpu]:
    site = tmp_path_factory.mktemp("onnxruntime-gpu")
    try:
        yield install(request.param, site)
    except NotInstalledError as error:
        pytest.skip(str(error))
    finally:
        # half a gigabyte, which pytest would otherwise keep
        shutil.rmtree(site)


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    return {name: make(tmp_path_factory.mktemp("form")) for name, make in FORMS.items()}


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_left_to_the_cpu_and_cuda_graphs_are_taken(
    runtime: OnnxruntimeGpu, bundles: dict[str, Bundle], form: str
) -> None:
    found = {name: runtime.partition(path) for name, path in graph_files(bundles[form]).items()}
    assert {name: (each.fixed, each.free) for name, each in found.items()} == dict.fromkeys(
        found, ("", "")
    )


def test_an_operator_without_a_kernel_is_reported(runtime: OnnxruntimeGpu, tmp_path: Path) -> None:
    # between others: where all nodes are on the CPU nothing is copied, and recording not refused
    nodes = [
        helper.make_node("Abs", ["matrices"], ["positive"]),
        helper.make_node("Det", ["positive"], ["determinants"]),
        helper.make_node("Abs", ["determinants"], ["sizes"]),
    ]
    matrices = helper.make_tensor_value_info("matrices", TensorProto.FLOAT, ["batch", 3, 3])
    sizes = helper.make_tensor_value_info("sizes", TensorProto.FLOAT, ["batch"])
    graph = helper.make_graph(nodes, "graph", [matrices], [sizes])
    opsets = [helper.make_opsetid("", 18)]
    path = tmp_path / "graph.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    found = runtime.partition(path)
    assert "fallback to CPU EP has been explicitly disabled" in found.fixed
    assert "cannot use the graph capture feature" in found.free
