"""Weights are stored as float16 only where nothing is lost."""

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from diad_export.storage import SMALLEST, halved, store_as_float16


def graph_with(weight: np.ndarray) -> ir.Model:
    nodes = [helper.make_node("Mul", ["x", "weight"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [len(weight)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [len(weight)])],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return ir.from_proto(model)


def run(model: ir.Model, x: np.ndarray) -> np.ndarray:
    data = ir.to_proto(model).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def half_values(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=count).astype(np.float16).astype(np.float32)


def test_half_values_are_stored_in_half_the_room_and_give_the_same_bits() -> None:
    x = np.random.default_rng(1).normal(size=256).astype(np.float32)
    before, model = graph_with(half_values(256)), graph_with(half_values(256))
    assert store_as_float16(model) == 1
    [stored] = model.graph.initializers.values()
    assert stored.const_value is not None
    assert stored.const_value.nbytes == 512
    assert np.array_equal(run(model, x), run(before, x))


def test_values_that_would_change_stay() -> None:
    weight = half_values(256)
    weight[7] += 1e-6
    model = graph_with(weight)
    assert store_as_float16(model) == 0
    assert model.graph.initializers["weight"].const_value.nbytes == 1024


def test_small_ones_stay() -> None:
    assert store_as_float16(graph_with(half_values(SMALLEST - 1))) == 0


@pytest.mark.parametrize("odd", [1e6, 1e-9, float("nan")])
def test_overflow_underflow_and_nan_are_not_halved(odd: float) -> None:
    assert halved(np.array([1.0, odd], dtype=np.float32)) is None
