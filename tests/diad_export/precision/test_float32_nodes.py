"""Nodes stay in float32 for the listed reasons only."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from diad_export.onnx.export import FLOAT32_SCOPE
from diad_export.precision.float32_nodes import LIMIT_ABS, Float32Node, choose_float32_nodes


def graph(*nodes: onnx.NodeProto, **constants: np.ndarray) -> ir.Model:
    made = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return ir.from_proto(onnx.shape_inference.infer_shapes(model))


def product(weight: np.ndarray) -> ir.Model:
    return graph(helper.make_node("MatMul", ["x", "w"], ["y"], name="product"), w=weight)


def reasons(wide: tuple[Float32Node, ...]) -> list[tuple[str, str]]:
    return [(each.reason, each.part) for each in wide]


W = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)


def test_both_sides_of_a_large_value_are_float32_with_its_value() -> None:
    model = graph(
        helper.make_node("MatMul", ["x", "w"], ["a"], name="first"),
        helper.make_node("Relu", ["a"], ["b"], name="second"),
        helper.make_node("Tanh", ["b"], ["c"], name="third"),
        helper.make_node("Relu", ["c"], ["d"], name="fourth"),
        w=W,
    )
    ranges = {"x": 1.0, "w": 3.0, "a": 9000.0, "b": 8500.0, "c": 1.0, "d": 1.0}
    wide = choose_float32_nodes(model, ranges)
    assert reasons(wide) == [("range", "first"), ("range", "second"), ("range", "third")]
    assert [each.largest_abs for each in wide] == [9000.0, 9000.0, 8500.0]


def test_the_limit_is_an_eighth_of_the_maximum_and_can_be_set() -> None:
    ranges = {"x": 1.0, "w": 1.0, "y": 8188.0}
    assert LIMIT_ABS == 8188.0
    assert choose_float32_nodes(product(W), ranges) == ()
    assert reasons(choose_float32_nodes(product(W), {**ranges, "y": 8189.0}))
    assert reasons(choose_float32_nodes(product(W), ranges, limit_abs=8000.0))


@pytest.mark.parametrize("scale", [1e-7, 1e6])
def test_a_node_with_a_constant_outside_float16_is_float32(scale: float) -> None:
    wide = choose_float32_nodes(product(W * np.float32(scale)), {"x": 1.0, "y": 1.0})
    assert reasons(wide) == [("constant", "product")]


def test_a_few_small_weights_among_others_do_not() -> None:
    weight = W.copy()
    weight[0] *= 1e-9
    assert choose_float32_nodes(product(weight), {"x": 1.0, "y": 1.0}) == ()


def test_a_small_constant_that_is_added_does_not() -> None:
    tiny = np.full(4, 1e-9, dtype=np.float32)
    added = graph(helper.make_node("Add", ["x", "w"], ["y"], name="sum"), w=tiny)
    scaled = graph(helper.make_node("Mul", ["x", "w"], ["y"], name="scaling"), w=tiny)
    assert choose_float32_nodes(added, {}) == ()
    assert reasons(choose_float32_nodes(scaled, {})) == [("constant", "scaling")]


def test_sums_of_many_values_are_float32_in_any_range() -> None:
    model = graph(
        helper.make_node("LayerNormalization", ["x", "w"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("ReduceMean", ["b"], ["c"]),
        w=W[0],
    )
    assert reasons(choose_float32_nodes(model, {})) == [
        ("sum", "LayerNormalization"),
        ("sum", "ReduceMean"),
    ]


def test_design_precedes_all_other_reasons() -> None:
    model = product(W * np.float32(1e-7))
    model.graph[0].meta[FLOAT32_SCOPE] = "update"
    wide = choose_float32_nodes(model, {"x": 1e5, "y": 1e5})
    assert reasons(wide) == [("design", "update")]
    assert wide[0].largest_abs == 1e5


def test_integers_are_ignored() -> None:
    model = graph(
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("ReduceSum", ["shape"], ["count"], keepdims=0),
        helper.make_node("Expand", ["x", "shape"], ["y"]),
    )
    assert choose_float32_nodes(model, {"x": 1.0}) == ()
