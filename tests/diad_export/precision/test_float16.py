"""A mixed-precision graph has correct types, no needless casts, and the same numbers."""

from collections.abc import Sequence

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from diad_deploy.errors import ExportError
from diad_export.precision.float16 import convert_to_float16
from tests.diad_export.onnx.small_graphs import run
from tests.diad_export.onnx.typed import cast_pairs, types_of

F16, F32, I64 = TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.INT64


def graph(
    nodes: Sequence[onnx.NodeProto], outputs: dict[str, list[int | str]], **constants: np.ndarray
) -> ir.Model:
    """A float32 graph of `x` `[2, 4]`, every result's type known."""
    made = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", F32, [2, 4])],
        [helper.make_tensor_value_info(name, F32, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return ir.from_proto(onnx.shape_inference.infer_shapes(model, strict_mode=True))


def named(model: ir.Model, *names: str) -> list[ir.Node]:
    return [node for node in model.graph if node.outputs[0].name in names]


def operators(model: ir.Model) -> list[str]:
    return [node.op_type for node in model.graph]


X = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
W = np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32)


def test_inputs_and_outputs_stay_float32_and_the_rest_is_float16() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"]),
        helper.make_node("Relu", ["product"], ["y"]),
    ]
    expected = run(graph(nodes, {"y": [2, 4]}, w=W), X)
    model = graph(nodes, {"y": [2, 4]}, w=W)
    assert len(convert_to_float16(model, [])) == 2
    assert operators(model) == ["Cast", "MatMul", "Relu", "Cast"]
    types = types_of(model)
    assert (types["x"], types["y"], types["product"], types["w"]) == (F32, F32, F16, F16)
    found = run(model, X)
    assert found.dtype == np.float32
    assert np.allclose(found, expected, atol=4e-3)
    assert not np.array_equal(found, expected)


def test_a_float32_node_costs_one_cast_each_way() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Mul", ["a", "a"], ["b"]),
        helper.make_node("Add", ["b", "a"], ["c"]),
        helper.make_node("MatMul", ["c", "w"], ["y"]),
    ]
    model = graph(nodes, {"y": [2, 4]}, w=W)
    half = convert_to_float16(model, named(model, "b", "c"))
    assert half[0].outputs[0].name == "a"
    assert operators(model) == ["Cast", "MatMul", "Cast", "Mul", "Add", "Cast", "MatMul", "Cast"]
    types = types_of(model)
    assert (types["a"], types["b"], types["c"]) == (F16, F32, F32)
    assert cast_pairs(model) == []


def test_a_constant_read_in_both_types_is_stored_in_both() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("MatMul", ["a", "w"], ["y"]),
    ]
    model = graph(nodes, {"y": [2, 4]}, w=W)
    convert_to_float16(model, named(model, "y"))
    assert sorted(v.dtype.name for v in model.graph.initializers.values()) == ["FLOAT", "FLOAT16"]
    assert np.allclose(run(model, X), run(graph(nodes, {"y": [2, 4]}, w=W), X), atol=1e-2)


def test_an_output_that_is_read_inside_keeps_its_name_and_is_cast_once() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["first"]),
        helper.make_node("Exp", ["first"], ["y"]),
    ]
    model = graph(nodes, {"first": [2, 4], "y": [2, 4]})
    convert_to_float16(model, named(model, "y"))
    assert [value.name for value in model.graph.outputs] == ["first", "y"]
    assert operators(model) == ["Cast", "Relu", "Cast", "Exp"]
    assert types_of(model)["first"] == F32


def test_an_input_that_is_an_output_is_unchanged() -> None:
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    model = graph(nodes, {"y": [2, 4]})
    convert_to_float16(model, named(model, "y"))
    assert operators(model) == ["Identity"]
    assert np.array_equal(run(model, X), X)


def test_what_onnx_defines_for_float32_only_stays() -> None:
    nodes = [
        helper.make_node("Unsqueeze", ["x", "axes"], ["image"]),
        helper.make_node("Resize", ["image", "", "scales"], ["large"], mode="nearest"),
        helper.make_node("Shape", ["large"], ["shape"]),
        helper.make_node("Cast", ["shape"], ["floats"], to=F32),
        helper.make_node("ReduceSum", ["floats"], ["count"], keepdims=0),
        helper.make_node("Constant", [], ["zero"], value_float=0.0),
        helper.make_node("Constant", [], ["one"], value_float=1.0),
        helper.make_node("Range", ["zero", "count", "one"], ["ramp"]),
        helper.make_node("ReduceMax", ["ramp"], ["last"], keepdims=0),
        helper.make_node("Add", ["large", "last"], ["y"]),
    ]
    shapes: dict[str, list[int | str]] = {"y": [1, 1, 4, 8]}
    constants = {"axes": np.int64([0, 1]), "scales": np.float32([1, 1, 2, 2])}
    model = graph(nodes, shapes, **constants)
    convert_to_float16(model, [])
    types = types_of(model)
    assert (types["image"], types["large"], types["scales"]) == (F16, F16, F32)
    assert (types["shape"], types["floats"], types["ramp"]) == (I64, F16, F32)
    assert cast_pairs(model) == []
    assert np.allclose(run(model, X), run(graph(nodes, shapes, **constants), X), atol=0.02)


def test_a_node_with_a_subgraph_is_rejected() -> None:
    branch = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["inner"])],
        "branch",
        [],
        [helper.make_tensor_value_info("inner", F32, [2, 4])],
    )
    nodes = [helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch)]
    model = graph(nodes, {"y": [2, 4]}, yes=np.array(True))
    with pytest.raises(ExportError, match="found If with one"):
        convert_to_float16(model, [])


def test_a_result_of_unknown_type_is_rejected() -> None:
    model = graph([helper.make_node("Relu", ["x"], ["y"])], {"y": [2, 4]})
    model.graph.outputs[0].type = None
    with pytest.raises(ExportError, match="the type of its result y cannot be inferred"):
        convert_to_float16(model, [])
