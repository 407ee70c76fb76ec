"""Float32 matrix products written out, for GPUs of compute capability 7.5.

TensorRT-RTX multiplies no float32 matrices there ("FP32 GEMM is not supported"), and the scorer's
fusion is float32 by design. Before: a graph with float32 MatMul nodes. After: each is Unsqueeze,
Mul, ReduceSum, which TensorRT fuses into one kernel; numbers are the same to rounding. The result
is a temporary copy; the bundle's own graph stays.
"""

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir

from diad_export.onnx.inferred_types import infer_types

TURING = "7.5"


def write_out_products(path: Path, folder: Path, *, only: tuple[str, ...]) -> Path:
    """A copy in `folder` of the graph at `path`, the MatMul nodes called `only` written out.

    Raises:
        ExportError: ONNX refuses the graph.
    """
    model = infer_types(onnx.load(str(path)), path)
    rewritten = ir.from_proto(model)
    for node in list(rewritten.graph):
        if node.op_type == "MatMul" and node.name in only:
            _write_out(rewritten.graph, node)
    copy = folder / path.name
    ir.save(rewritten, copy)
    return copy


def _write_out(graph: ir.Graph, node: ir.Node) -> None:
    """`[…, n, k] @ [.., k, m]` as the sum over k of `[…, n, k, 1] * […, 1, k, m]`."""
    left, right = node.inputs
    added: list[ir.Node] = []

    def add(kind: str, *inputs: ir.Value | None, **attributes: int) -> ir.Value:
        made = ir.node(kind, inputs, attributes=attributes, name=f"{node.name}.{len(added)}")
        made.outputs[0].name = f"{node.name}.{len(added)}.out"
        added.append(made)
        return made.outputs[0]

    def axis(place: int) -> ir.Value:
        name = f"{node.name}.axis{place}"
        tensor = ir.tensor(np.array([place], dtype=np.int64), name=name)
        value = ir.Value(
            name=name,
            shape=ir.Shape([1]),
            type=ir.TensorType(ir.DataType.INT64),
            const_value=tensor,
        )
        graph.register_initializer(value)
        return value

    tall = add("Unsqueeze", left, axis(-1))
    flat = add("Unsqueeze", right, axis(-3))
    summed = add("ReduceSum", add("Mul", tall, flat), axis(-2), keepdims=0)
    old = node.outputs[0]
    summed.shape, summed.type = old.shape, old.type
    graph.insert_before(node, added)
    name, is_output = old.name, old.is_graph_output()
    old.replace_all_uses_with(summed, replace_graph_outputs=True)
    graph.remove(node, safe=True)
    if is_output:
        summed.name = name
