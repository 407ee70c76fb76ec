"""Chooses the nodes of a graph that stay in float32 when the rest computes in float16."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from diad_deploy.bundle.precision_spec import Float32Reason
from diad_export.onnx.export import FLOAT32_SCOPE
from diad_export.precision.ranges import Ranges

FLOAT16_MAX = 65504.0
LIMIT_ABS = FLOAT16_MAX / 8
"""Nodes with larger values stay in float32. The factor of 8 is headroom: values of other images,
such as defective ones, may be larger than those of the calibration images, and partial sums inside
a convolution or product may be larger than its result."""

SUMMING = frozenset(
    (
        *("InstanceNormalization", "LayerNormalization", "GroupNormalization"),
        *("ReduceSum", "ReduceMean", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceProd"),
        *("ReduceLogSumExp", "GlobalAveragePool", "CumSum"),
    )
)
"""Operators that sum many values or their squares, in a type that the engine chooses. The sum can
overflow or lose small terms even if inputs and outputs are small. They are a small share of the
work. Convolutions and matrix products are not among them: engines sum those in float32."""

ADDED = {
    "Add": (0, 1),
    "Sub": (0, 1),
    "Conv": (2,),
    "Gemm": (2,),
    "BatchNormalization": (2, 3, 4),
    "LayerNormalization": (2,),
    "InstanceNormalization": (2,),
}
"""Inputs at which operators take a constant that they only add. It may round to zero: the value it
is added to is rounded more coarsely."""

ROUNDING_LIMIT = 2.0**-9
"""Largest relative error (of the norm) from rounding a constant. Rounding normal float16 numbers
causes at most 2^-11; more means that values became subnormal (below 6.1e-5) or zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Float32Node:
    """A node that stays in float32.

    Attributes:
        reason: why.
        part: under which it is listed: a part of the model, an operator, or the node itself.
        largest_abs: largest absolute value among its float32 inputs and outputs.
    """

    node: ir.Node
    reason: Float32Reason
    part: str
    largest_abs: float


def choose_float32_nodes(
    model: ir.Model, ranges: Ranges, *, limit_abs: float = LIMIT_ABS
) -> tuple[Float32Node, ...]:
    """The nodes that stay in float32, by the first reason of design, range, constant and sum.

    Args:
        model: a float32 graph from `diad_export.onnx.export.trace`.
        ranges: largest absolute value of each of its inputs, constants and results.
        limit_abs: nodes with larger values stay in float32.
    """
    coarse = _coarse_constants(model)
    return tuple(
        chosen
        for node in model.graph
        if (chosen := _decide(node, ranges, coarse, limit_abs)) is not None
    )


def _decide(
    node: ir.Node, ranges: Ranges, coarse: frozenset[str], limit_abs: float
) -> Float32Node | None:
    names = [value.name for value in _floats(node) if value.name]
    if not names:
        return None
    largest = max(ranges.get(name, 0.0) for name in names)
    reason: Float32Reason
    if FLOAT32_SCOPE in node.meta:
        reason, part = "design", str(node.meta[FLOAT32_SCOPE])
    elif largest > limit_abs:
        reason, part = "range", str(node.name)
    elif any(
        value is not None and value.name in coarse and place not in ADDED.get(node.op_type, ())
        for place, value in enumerate(node.inputs)
    ):
        reason, part = "constant", str(node.name)
    elif node.op_type in SUMMING:
        reason, part = "sum", node.op_type
    else:
        return None
    return Float32Node(node=node, reason=reason, part=part, largest_abs=largest)


def _floats(node: ir.Node) -> Iterator[ir.Value]:
    for value in (*node.inputs, *node.outputs):
        if value is not None and value.dtype == ir.DataType.FLOAT:
            yield value


def _coarse_constants(model: ir.Model) -> frozenset[str]:
    """Constants that lose too much in float16."""
    return frozenset(
        name
        for name, value in model.graph.initializers.items()
        if value.const_value is not None
        and value.dtype == ir.DataType.FLOAT
        and _rounding_error(value.const_value.numpy()) > ROUNDING_LIMIT
    )


def _rounding_error(values: np.ndarray) -> float:
    with np.errstate(over="ignore", under="ignore"):
        rounded = values.astype(np.float16).astype(np.float32)
    norm = float(np.linalg.norm(values.ravel()))
    if norm == 0.0:
        return 0.0
    if not np.isfinite(rounded).all():
        return float("inf")
    return float(np.linalg.norm((rounded - values).ravel())) / norm
