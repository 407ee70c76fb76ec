"""Real engines, built by TensorRT-RTX without a GPU, and their types."""

import dataclasses
import warnings
from pathlib import Path

import pytest
import torch

from diad_deploy.errors import ExportError
from diad_export.engines.child_process import ask_worker
from diad_export.engines.one_engine import profile_shapes
from diad_export.engines.options import EngineOptions
from diad_export.engines.protocol import Advance, BuiltEngine, EngineRequest, Request
from tests.diad_export.engines.small_networks import (
    Attending,
    Spreading,
    request,
    write_network,
    write_strange,
)

CAPABILITIES = ("7.5", "8.6", "8.9", "12.0")


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks")
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_network(Attending(), folder / "half.onnx", half=True)
        write_network(Attending(), folder / "single.onnx", half=False)
        write_network(Spreading(), folder / "spreading.onnx", half=True)
    write_strange(folder / "strange.onnx")
    return folder


def built(engine: EngineRequest, advances: list[Advance] | None = None) -> BuiltEngine:
    report_progress = (lambda now: None) if advances is None else advances.append
    answer = ask_worker(Request(options=engine.options, engine=engine), report_progress)
    assert answer.built is not None
    assert answer.peak_bytes is not None
    return answer.built


def test_a_float16_graph_becomes_a_float16_engine(networks: Path, tmp_path: Path) -> None:
    engine = tmp_path / "half.engine"
    advances: list[Advance] = []
    asked = request(networks / "half.onnx", engine, *CAPABILITIES, precision="float16")
    found = built(asked, advances)
    assert found.layers.fused_attentions == 1
    assert found.layers.by_type["float16"] >= 4
    assert not [name for name in found.layers.float32 if "linear" in name or "MatMul" in name]
    assert engine.stat().st_size > 50_000
    shares = [advance.share for advance in advances]
    assert len(shares) > 5
    assert shares == sorted(shares)
    assert shares[-1] > 0.5


@pytest.mark.parametrize("capability", ["7.5", "8.9"])
def test_float32_products_are_rewritten_for_turing(
    networks: Path, tmp_path: Path, capability: str
) -> None:
    path = networks / "spreading.onnx"
    before = path.read_bytes()
    asked = request(path, tmp_path / "x.engine", capability, precision="float16")
    found = built(dataclasses.replace(asked, float32_allowed=True))
    assert ("2 float32 products rewritten" in found.note) == (capability == "7.5")
    assert path.read_bytes() == before


def test_a_float32_graph_for_float16_is_an_error(networks: Path, tmp_path: Path) -> None:
    engine = tmp_path / "single.engine"
    asked = request(networks / "single.onnx", engine, "8.9", precision="float16")
    with pytest.raises(ExportError, match=r"expected float16, but .* \(node_conv2d, .*float32"):
        built(asked)
    assert not engine.exists()


def test_a_float32_engine_has_float32_layers(networks: Path, tmp_path: Path) -> None:
    asked = request(networks / "single.onnx", tmp_path / "x.engine", "8.9", precision="float32")
    found = built(asked)
    assert "float16" not in found.layers.by_type
    assert any("node_conv2d" in name for name in found.layers.float32)


def test_float32_on_turing_is_an_error_with_a_remedy(networks: Path, tmp_path: Path) -> None:
    asked = request(networks / "single.onnx", tmp_path / "x.engine", "7.5", precision="float32")
    with pytest.raises(ExportError, match=r"'node_\w+' for Turing .*--precision fp16, or leave"):
        built(asked)


def test_a_node_that_cannot_be_parsed_is_named(networks: Path, tmp_path: Path) -> None:
    asked = request(networks / "strange.onnx", tmp_path / "x.engine", "8.9", precision="float32")
    with pytest.raises(ExportError, match="node 'strange_node', operator Unheard: "):
        built(asked)


def test_the_profile_has_dynamic_dimensions_only(networks: Path, tmp_path: Path) -> None:
    inputs = request(networks / "half.onnx", tmp_path, precision="float16").graph.inputs
    fixed = dataclasses.replace(inputs[0], name="timestep", shape=(1,))
    shapes = profile_shapes((*inputs, fixed), EngineOptions(target="tensorrt"))
    assert shapes == {"x": ((1, 4, 8, 8), (1, 4, 8, 8), (8, 4, 8, 8))}
