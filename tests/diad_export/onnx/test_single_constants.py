"""Constants with the same bits are held once, and only those."""

import numpy as np
import onnx_ir as ir

from diad_deploy.bundle.folder import Bundle
from diad_export.onnx.single_constants import SAMPLED, hold_constants_once
from tests.diad_export.onnx.small_graphs import multiplying, run


def test_copies_go_and_the_result_stays() -> None:
    values = np.random.default_rng(0).normal(size=200).astype(np.float32)
    other = values.copy()
    other[SAMPLED + 1] += 1.0  # alike where the sample looks
    model = multiplying(a=values, b=other, c=values.copy(), d=values.copy())
    x = np.ones(200, dtype=np.float32)
    before = run(model, x)
    assert hold_constants_once(model) == 2
    assert set(model.graph.initializers) == {"a", "b"}
    np.testing.assert_array_equal(run(model, x), before)


def test_what_is_equal_but_not_the_same_stays() -> None:
    zero = np.zeros(4, dtype=np.float32)
    model = multiplying(a=zero, b=-zero, c=np.zeros(1, dtype=np.float32))
    assert hold_constants_once(model) == 0


def test_a_bundles_graphs_hold_every_constant_once(small_bundle: Bundle) -> None:
    for graph in small_bundle.manifest.graphs:
        model = ir.load(small_bundle.path / graph.file)
        assert len(model.graph.initializers) > 20
        assert hold_constants_once(model) == 0


def test_weights_that_are_not_in_rows_are_compared_too() -> None:
    square = np.random.default_rng(1).normal(size=(16, 16)).astype(np.float32)
    model = multiplying(a=square[0], b=square[0].copy())
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
