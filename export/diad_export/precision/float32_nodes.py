"""Which nodes of a graph stay in float32 when the rest computes in float16, and why."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from diad_deploy.bundle.precision_spec import Float32Reason
from diad_export.onnx.export import FLOAT32_SCOPE
from diad_export.precision.ranges import Ranges

FLOAT16_MAX = 65504.0
LIMIT_ABS = FLOAT16_MAX / 8
"""Values beyond this go to float32. The eighth is headroom: an image that calibration did not
see, such as a defect, may drive a value higher than those it saw, and inside a convolution or
product a partial sum may go higher than the result."""

SUMMING = frozenset(
    (
        *("InstanceNormalization", "LayerNormalization", "GroupNormalization"),
        *("ReduceSum", "ReduceMean", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceProd"),
        *("ReduceLogSumExp", "GlobalAveragePool", "CumSum"),
    )
)
"""Operators that sum many values, or their squares, in whatever type the engine likes: their sum
can overflow or lose its small parts though input and output are small. They are a small share of
the work. Convolutions and matrix products are not among them: engines sum those in float32."""

ADDED = {
    "Add": (0, 1),
    "Sub": (0, 1),
    "Conv": (2,),
    "Gemm": (2,),
    "BatchNormalization": (2, 3, 4),
    "LayerNormalization": (2,),
    "InstanceNormalization": (2,),
}
"""Where operators take a constant that is only added: it may vanish, since what it is added to is
rounded more coarsely anyway."""

ROUNDING_LIMIT = 2.0**-9
"""Largest relative error (of the norm) that rounding a constant may make. Float16's own rounding
makes at most 2^-11; more means that values fell below its normal numbers, 6.1e-5, or to zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Float32Node:
    """One node that stays in float32.

    Attributes:
        part: what it is listed under: a part of the model, a kind of operator, or the node itself.
        largest_abs: largest absolute value among its float32 inputs and outputs.
    """

    node: ir.Node
    reason: Float32Reason
    part: str
    largest_abs: float


def choose_float32_nodes(
    model: ir.Model, ranges: Ranges, *, limit_abs: float = LIMIT_ABS
) -> tuple[Float32Node, ...]:
    """Decide node by node; the first of the reasons `design`, `range`, `constant`, `sum` holds.

    Args:
        model: a float32 graph as `to_onnx.trace` gives it.
        ranges: largest absolute value of each of its inputs, constants and results.
    """
    coarse = _coarse_constants(model)
    return tuple(
        wide
        for node in model.graph
        if (wide := _judge(node, ranges, coarse, limit_abs)) is not None
    )


def _judge(
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
    """Constants that float16 holds too coarsely, or not at all."""
    return frozenset(
        name
        for name, value in model.graph.initializers.items()
        if value.const_value is not None
        and value.dtype == ir.DataType.FLOAT
        and _rounding_error(value.const_value.numpy()) > ROUNDING_LIMIT
    )


def _rounding_error(values: np.ndarray) -> float:
    with np.errstate(over="ignore", under="ignore"):
        halved = values.astype(np.float16).astype(np.float32)
    norm = float(np.linalg.norm(values.ravel()))
    if norm == 0.0:
        return 0.0
    if not np.isfinite(halved).all():
        return float("inf")
    return float(np.linalg.norm((halved - values).ravel())) / norm
