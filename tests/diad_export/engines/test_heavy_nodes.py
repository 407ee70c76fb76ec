"""Types of convolutions and products, from the graph alone."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from diad_export.engines.heavy_nodes import HeavyNodes, read_heavy_nodes


def test_types_are_found_with_and_without_annotations(tmp_path: Path) -> None:
    half = helper.make_tensor_value_info("a", TensorProto.FLOAT16, [2, 2])
    nodes = [
        helper.make_node("MatMul", ["a", "a"], ["b"], name="first"),
        helper.make_node("Cast", ["b"], ["c"], to=TensorProto.FLOAT),
        helper.make_node("Gemm", ["c", "c"], ["d"], name="second"),
        helper.make_node("Relu", ["d"], ["e"], name="third"),
    ]
    result = helper.make_tensor_value_info("e", TensorProto.FLOAT, [2, 2])
    path = tmp_path / "x.onnx"
    graph = helper.make_graph(nodes, "x", [half], [result])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]), path)
    assert read_heavy_nodes(path) == HeavyNodes(float16=("first",), float32=("second",))
