"""Graphs lose notes and repeated constants, and compute what they did."""

import numpy as np
import onnx
import onnx_ir as ir

from diad_deploy.bundle.folder import Bundle
from diad_export.onnx.cleanup import clean_up
from tests.diad_export.onnx.small_graphs import multiplying, run


def removed_constants(model: ir.Model) -> int:
    """Clean `model` up; the number of initializers that it loses."""
    before = len(model.graph.initializers)
    clean_up(model)
    return before - len(model.graph.initializers)


def test_copies_go_and_the_result_stays() -> None:
    values = np.random.default_rng(0).normal(size=200).astype(np.float32)
    other = values.copy()
    other[65] += 1.0
    model = multiplying(a=values, b=other, c=values.copy(), d=values.copy())
    x = np.ones(200, dtype=np.float32)
    before = run(model, x)
    assert removed_constants(model) == 2
    assert set(model.graph.initializers) == {"a", "b"}
    np.testing.assert_array_equal(run(model, x), before)


def test_equal_values_with_other_bits_or_shapes_stay() -> None:
    zero = np.zeros(4, dtype=np.float32)
    model = multiplying(a=zero, b=-zero, c=np.zeros(1, dtype=np.float32))
    assert removed_constants(model) == 0


def test_a_bundles_graphs_hold_every_constant_once(small_bundle: Bundle) -> None:
    for graph in small_bundle.manifest.graphs:
        model = ir.load(small_bundle.path / graph.file)
        constants = [value.const_value for value in model.graph.initializers.values()]
        assert len(constants) > 20
        held = {(c.dtype, tuple(c.shape), c.numpy().tobytes()) for c in constants if c is not None}
        assert len(held) == len(constants)


def test_constants_that_are_not_contiguous_are_compared_too() -> None:
    square = np.random.default_rng(1).normal(size=(16, 16)).astype(np.float32)
    model = multiplying(a=square[0], b=square[0].copy())
    transposed = ir.tensor(np.asfortranarray(square))
    for name in ("e", "f"):
        model.graph.register_initializer(
            ir.Value(
                name=name,
                shape=ir.Shape(square.shape),
                type=ir.TensorType(ir.DataType.FLOAT),
                const_value=transposed,
            )
        )
    assert removed_constants(model) == 2


def test_notes_go() -> None:
    model = multiplying(a=np.ones(3, dtype=np.float32))
    proto = ir.to_proto(model)
    noted = (proto, proto.graph, proto.graph.node[0], proto.graph.input[0], proto.graph.output[0])
    for each in noted:
        each.doc_string = "/home/someone/model.py"
        each.metadata_props.add(key="path", value="/home/someone/model.py")
    cleaned = ir.from_proto(proto)
    clean_up(cleaned)
    assert b"someone" not in ir.to_proto(cleaned).SerializeToString()
    onnx.checker.check_model(ir.to_proto(cleaned))
