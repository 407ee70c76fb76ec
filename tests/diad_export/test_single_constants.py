"""Constants with the same bits are held once, and only those."""

import numpy as np
import onnx_ir as ir
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from diad_deploy.bundle import Bundle
from diad_export.single_constants import SAMPLED, hold_constants_once


def graph_adding(**constants: np.ndarray) -> ir.Model:
    nodes, last = [], "x"
    for name in constants:
        nodes.append(helper.make_node("Mul", [last, name], [f"after_{name}"]))
        last = f"after_{name}"
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [len(constants["a"])])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, [len(constants["a"])])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return ir.from_proto(model)


def run(model: ir.Model, x: np.ndarray) -> np.ndarray:
    data = ir.to_proto(model).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def test_copies_go_and_the_result_stays() -> None:
    values = np.random.default_rng(0).normal(size=200).astype(np.float32)
    other = values.copy()
    other[SAMPLED + 1] += 1.0  # alike where the sample looks
    model = graph_adding(a=values, b=other, c=values.copy(), d=values.copy())
    x = np.ones(200, dtype=np.float32)
    before = run(model, x)
    assert hold_constants_once(model) == 2
    assert set(model.graph.initializers) == {"a", "b"}
    np.testing.assert_array_equal(run(model, x), before)


def test_what_is_equal_but_not_the_same_stays() -> None:
    zero = np.zeros(4, dtype=np.float32)
    model = graph_adding(a=zero, b=-zero, c=np.zeros(1, dtype=np.float32))
    assert hold_constants_once(model) == 0


def test_a_bundles_graphs_hold_every_constant_once(small_bundle: Bundle) -> None:
    for graph in small_bundle.manifest.graphs:
        model = ir.load(small_bundle.path / graph.file)
        assert len(model.graph.initializers) > 20
        assert hold_constants_once(model) == 0


def test_weights_that_are_not_in_rows_are_compared_too() -> None:
    square = np.random.default_rng(1).normal(size=(16, 16)).astype(np.float32)
    model = graph_adding(a=square[0], b=square[0].copy())
    turned = ir.tensor(np.asfortranarray(square))
    for name in ("e", "f"):
        model.graph.register_initializer(
            ir.Value(
                name=name,
                shape=ir.Shape(square.shape),
                type=ir.TensorType(ir.DataType.FLOAT),
                const_value=turned,
            )
        )
    assert hold_constants_once(model) == 2
