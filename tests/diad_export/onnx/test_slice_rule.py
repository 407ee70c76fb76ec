"""The optimised graph is the same with the shortcut."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
from onnx import ModelProto
from onnxscript import optimizer
from onnxscript.rewriter.rules.common import slice_split_rule

from diad_export.onnx.slice_rule import quick_slice_rule


def halves() -> ir.Model:
    """The product of each row's two halves.

    The rule makes one Split of them if the second half comes first.
    """
    x = ir.val("x", dtype=ir.DataType.FLOAT, shape=[2, 8])
    tape = ir.tape.Tape()
    edges = [tape.initializer(ir.tensor(np.array([at])), name=f"at_{at}") for at in (0, 4, 8)]
    last = tape.initializer(ir.tensor(np.array([1])), name="last")
    parts = [
        tape.op("Slice", [x, start, end, last])
        for start, end in ((edges[1], edges[2]), (edges[0], edges[1]))
    ]
    product = tape.op("Mul", parts)
    product.name = "y"
    graph = ir.Graph(
        [x], [product], nodes=tape.nodes, initializers=tape.initializers, opset_imports={"": 18}
    )
    return ir.Model(graph, ir_version=10)


def optimized() -> ModelProto:
    model = halves()
    optimizer.optimize_ir(model)
    return ir.to_proto(model)


def test_slices_are_still_merged_to_the_same_bytes() -> None:
    plain = optimized()
    with quick_slice_rule():
        quick = optimized()
    assert [node.op_type for node in plain.graph.node] == ["Split", "Mul"]
    assert quick.SerializeToString() == plain.SerializeToString()


def test_the_rule_is_as_before_afterwards() -> None:
    before: Callable[..., Any] = slice_split_rule.try_rewrite
    with quick_slice_rule():
        assert slice_split_rule.try_rewrite != before
    assert slice_split_rule.try_rewrite == before
