"""Rewritten products give the same numbers."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from diad_export.engines.turing import rewrite_products


def test_numbers_and_names_stay(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(5, 3)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["m", "x"], ["left"], name="left_product"),
        helper.make_node("Transpose", ["m"], ["t"], perm=[1, 0]),
        helper.make_node("MatMul", ["left", "t"], ["y"], name="right_product"),
        helper.make_node("MatMul", ["y", "y"], ["z"], name="kept_product"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 3])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 5, 5]) for name in "yz"
    ]
    graph = helper.make_graph(nodes, "x", [x], outputs, [numpy_helper.from_array(matrix, "m")])
    path = tmp_path / "graph.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, path)
    (tmp_path / "copy").mkdir()
    copy = rewrite_products(path, tmp_path / "copy", only=("left_product", "right_product"))
    written = onnx.load(copy)
    onnx.checker.check_model(written, full_check=True)
    kinds = [node.op_type for node in written.graph.node]
    assert kinds.count("MatMul") == 1
    assert kinds.count("ReduceSum") == 2
    value = rng.normal(size=(2, 3, 3)).astype(np.float32)
    expected, found = (
        onnxruntime.InferenceSession(p, providers=["CPUExecutionProvider"]).run(None, {"x": value})
        for p in (path, copy)
    )
    for left, right in zip(expected, found, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-5)
