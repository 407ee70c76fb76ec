"""Polygraphy's lint names faulty nodes; folding keeps names and types."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from diad_deploy.bundle.manifest import GraphSpec, TensorSpec
from diad_deploy.errors import ExportError
from diad_export.engines import sanitized
from diad_export.engines.sanitized import FOLDED_BYTES, folded, lint

WEIGHTS = np.ones((8, 8), dtype=np.float16)
SPEC = GraphSpec(
    name="small",
    file="small.onnx",
    inputs=(TensorSpec(name="x", dtype="float32", shape=("batch", 8)),),
    outputs=(),
    precision="float32",
    stored_weights="float16",
    parameters=0,
)


def write(folder: Path, second: np.ndarray, *, external: bool = False) -> Path:
    """Two products of cast weights, in the nodes `first` and `second`."""
    nodes = [
        helper.make_node("Cast", ["w"], ["w.wide"], to=TensorProto.FLOAT, name="small_cast"),
        helper.make_node("MatMul", ["x", "w.wide"], ["a"], name="first"),
        helper.make_node("Cast", ["v"], ["v.wide"], to=TensorProto.FLOAT, name="other_cast"),
        helper.make_node("MatMul", ["a", "v.wide"], ["y"], name="second"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", second.shape[1]])],
        [numpy_helper.from_array(WEIGHTS, "w"), numpy_helper.from_array(second, "v")],
    )
    path = folder / "small.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    data = {"save_as_external_data": True, "location": "small.onnx.data", "size_threshold": 0}
    onnx.save(model, path, **(data if external else {}))
    return path


def test_a_correct_graph_passes(tmp_path: Path) -> None:
    assert lint(write(tmp_path, WEIGHTS, external=True), SPEC, batch=2)


def test_a_graph_too_large_for_lint_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, WEIGHTS, external=True)
    monkeypatch.setattr(sanitized, "LINTED_BYTES", path.stat().st_size + 100)
    assert not lint(path, SPEC, batch=2)


def test_a_faulty_node_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, np.ones((5, 8), dtype=np.float16))
    with pytest.raises(ExportError, match=r"^small: Polygraphy's lint .*node 'second': .*; build"):
        lint(path, SPEC, batch=2)


@pytest.mark.parametrize("external", [False, True])
def test_small_constants_are_folded(tmp_path: Path, external: bool) -> None:
    path = write(tmp_path, WEIGHTS, external=external)
    before = sorted(tmp_path.iterdir())
    with folded(path) as copy:
        model = onnx.load(copy)
        assert copy.parent == path.parent
    assert [node.name for node in model.graph.node] == ["first", "second"]
    assert {tensor.data_type for tensor in model.graph.initializer} == {TensorProto.FLOAT}
    assert sorted(tmp_path.iterdir()) == before


def test_large_constants_are_not_folded(tmp_path: Path) -> None:
    wide = np.ones((8, FOLDED_BYTES // 32 + 8), dtype=np.float16)
    with folded(write(tmp_path, wide)) as copy:
        model = onnx.load(copy)
    assert [node.name for node in model.graph.node] == ["first", "other_cast", "second"]
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert types["v"] == TensorProto.FLOAT16
