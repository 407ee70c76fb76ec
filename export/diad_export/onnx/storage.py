"""How a graph's weights are stored: as float16 with a Cast, wherever nothing is lost by it.

Before: a graph with float32 initialisers. After: every large initialiser whose values are all
float16 values is stored so, and a Cast gives the float32 tensor back; all others, and all numbers
that the graph computes, stay as they were. An optimising runtime folds the Cast when it loads.
"""

import numpy as np
import onnx_ir as ir

SMALLEST = 64
"""Initialisers with fewer elements are left alone: the Cast would cost more than it saves."""


def store_as_float16(model: ir.Model) -> int:
    """Change `model` in place; returns the number of initialisers stored as float16."""
    graph = model.graph
    casts = []
    for value in list(graph.initializers.values()):
        tensor = value.const_value
        if tensor is None or tensor.dtype != ir.DataType.FLOAT or tensor.size < SMALLEST:
            continue
        half = halved(tensor.numpy())
        if half is None:
            continue
        casts.append(_replace(graph, value, half))
    # before all others, so that the order of nodes stays an order of computation
    if casts:
        graph.insert_before(graph[0], casts)
    return len(casts)


def halved(values: np.ndarray) -> np.ndarray | None:
    """`values` as float16 where every one of them survives the way there and back."""
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if np.array_equal(half.astype(np.float32), values) else None


def _replace(graph: ir.Graph, value: ir.Value, half: np.ndarray) -> ir.Node:
    stored = ir.Value(
        name=f"{value.name}.float16",
        shape=ir.Shape(half.shape),
        type=ir.TensorType(ir.DataType.FLOAT16),
        const_value=ir.tensor(half, name=f"{value.name}.float16"),
    )
    cast = ir.node("Cast", [stored], attributes={"to": ir.DataType.FLOAT})
    cast.outputs[0].shape = value.shape
    cast.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
    name = str(value.name)
    value.replace_all_uses_with(cast.outputs[0])
    graph.initializers.pop(name)
    graph.register_initializer(stored)
    cast.outputs[0].name = name
    return cast
