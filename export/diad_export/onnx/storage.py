"""Stores float32 weights as float16 where that is lossless.

Before: a graph with float32 initializers. After: an initializer whose values are all float16 values
is stored as float16, and a Cast node restores the float32 tensor. Small and other initializers stay
as they are, and the graph computes the same bits. Runtimes fold the Cast when they load the graph.
"""

import numpy as np
import onnx_ir as ir

SMALLEST = 64
"""Initializers with fewer elements stay in float32: the Cast node would be larger than the gain."""


def store_as_float16(model: ir.Model) -> int:
    """Change `model` in place; returns the number of initializers stored as float16."""
    graph = model.graph
    casts = []
    for value in list(graph.initializers.values()):
        tensor = value.const_value
        if tensor is None or tensor.dtype != ir.DataType.FLOAT or tensor.size < SMALLEST:
            continue
        float16 = exact_float16(tensor.numpy())
        if float16 is not None:
            casts.append(_replace(graph, value, float16))
    # ONNX lists a node before those that read its results
    if casts:
        graph.insert_before(graph[0], casts)
    return len(casts)


def exact_float16(values: np.ndarray) -> np.ndarray | None:
    """`values` as float16; None where rounding would change one of them."""
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float16)
    return rounded if np.array_equal(rounded.astype(np.float32), values) else None


def _replace(graph: ir.Graph, value: ir.Value, float16: np.ndarray) -> ir.Node:
    stored_name = f"{value.name}.float16"
    stored = ir.val(stored_name, const_value=ir.tensor(float16, name=stored_name))
    cast = ir.node("Cast", [stored], attributes={"to": ir.DataType.FLOAT})
    cast.outputs[0].shape = value.shape
    cast.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
    name = str(value.name)
    value.replace_all_uses_with(cast.outputs[0])
    graph.initializers.pop(name)
    graph.register_initializer(stored)
    cast.outputs[0].name = name
    return cast
