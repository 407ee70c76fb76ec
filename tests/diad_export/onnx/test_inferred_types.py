"""A graph whose types ONNX cannot infer is rejected by name, wherever they are needed."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from diad_deploy.errors import ExportError
from diad_export.engines.heavy_nodes import read_heavy_nodes
from diad_export.engines.turing import rewrite_products
from diad_export.precision.float16_emulation import write_emulated


@pytest.mark.parametrize(
    "read",
    [
        read_heavy_nodes,
        lambda path: write_emulated(path, path.parent),
        lambda path: rewrite_products(path, path.parent, only=("product",)),
    ],
)
def test_a_graph_without_its_operators_version(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 2]) for name in "ac"]
    nodes = [
        helper.make_node("MatMul", ["a", "a"], ["b"], name="product"),
        helper.make_node("Relu", ["b"], ["c"]),
    ]
    model = helper.make_model(helper.make_graph(nodes, "x", values[:1], values[1:]))
    del model.opset_import[:]
    path = tmp_path / "odd.onnx"
    onnx.save(model, path)
    with pytest.raises(ExportError, match=r"odd\.onnx: ONNX cannot infer .*; build the bundle"):
        read(path)
