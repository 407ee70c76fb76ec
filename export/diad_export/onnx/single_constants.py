"""Every constant once in a graph.

Before: a graph whose initialisers may repeat each other. After: of those with the same type, shape
and bits the first is left, and all nodes read that one.
"""

from collections import defaultdict

import numpy as np
import onnx_ir as ir

SAMPLED = 64
"""Elements that are looked at before whole tensors are compared: weights differ within these."""


def hold_constants_once(model: ir.Model) -> int:
    """Change `model` in place; returns the number of initialisers that were another's copy."""
    graph = model.graph
    kept: dict[tuple[object, ...], list[ir.Value]] = defaultdict(list)
    removed = 0
    for name, value in list(graph.initializers.items()):
        if value.const_value is None or value.is_graph_output():
            continue
        others = kept[_outline(value.const_value)]
        same = next((other for other in others if _same(other, value)), None)
        if same is None:
            others.append(value)
            continue
        value.replace_all_uses_with(same)
        graph.initializers.pop(name)
        removed += 1
    return removed


def _outline(tensor: ir.TensorProtocol) -> tuple[object, ...]:
    array = tensor.numpy()
    return tensor.dtype, array.shape, array.flat[:SAMPLED].tobytes()


def _same(left: ir.Value, right: ir.Value) -> bool:
    if left.const_value is None or right.const_value is None:
        return False
    ours, theirs = left.const_value.numpy(), right.const_value.numpy()
    # by bits: a NaN is itself, and 0.0 is not -0.0
    return np.ascontiguousarray(ours).tobytes() == np.ascontiguousarray(theirs).tobytes()
