"""Rewrites float32 matrix products for GPUs of compute capability 7.5 (Turing).

TensorRT-RTX does not multiply float32 matrices there ("FP32 GEMM is not supported"), and the fusion
in the scorer is float32 by design. Before: a graph with float32 MatMul nodes. After: each is
replaced by Unsqueeze, Mul and ReduceSum, which TensorRT fuses into one kernel; results are equal up
to rounding. The engine is built from a temporary copy; the graph in the bundle is not changed.
"""

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.tape import Tape

from diad_export.onnx.inferred_types import infer_types

TURING = "7.5"


def rewrite_products(path: Path, folder: Path, *, only: tuple[str, ...]) -> Path:
    """Copy the graph at `path` to `folder`, with the MatMul nodes named in `only` rewritten.

    Raises:
        ExportError: ONNX rejects the graph.
    """
    model = infer_types(onnx.load(str(path)), path)
    rewritten = ir.from_proto(model)
    for node in list(rewritten.graph):
        if node.op_type == "MatMul" and node.name in only:
            _rewrite(rewritten.graph, node)
    copy = folder / path.name
    ir.save(rewritten, copy)
    return copy


def _rewrite(graph: ir.Graph, node: ir.Node) -> None:
    """`[…, n, k] @ […, k, m]` as the sum over k of `[…, n, k, 1] * […, 1, k, m]`."""
    left, right = node.inputs
    tape = Tape()

    def add(kind: str, *inputs: ir.Value | None, **attributes: int) -> ir.Value:
        name = f"{node.name}.{len(tape.nodes)}"
        result = tape.op(kind, inputs, attributes, name=name)
        result.name = f"{name}.out"
        return result

    def axis(place: int) -> ir.Value:
        name = f"{node.name}.axis{place}"
        value = ir.val(name, const_value=ir.tensor(np.array([place], dtype=np.int64), name=name))
        graph.register_initializer(value)
        return value

    left = add("Unsqueeze", left, axis(-1))
    right = add("Unsqueeze", right, axis(-3))
    product = add("ReduceSum", add("Mul", left, right), axis(-2), keepdims=0)
    old = node.outputs[0]
    name, product.shape, product.type = old.name, old.shape, old.type
    ir.convenience.replace_nodes_and_values(graph, node, [node], tape.nodes, [old], [product])
    product.name = name
