"""What a manifest says of the numbers its graphs compute with."""

from dataclasses import dataclass
from typing import Literal

from diad_deploy.record import Record

Precision = Literal["float32", "float16"]
Float32Reason = Literal["design", "range", "constant", "sum"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Float32Part(Record):
    """One place that stays in float32 in a float16 graph, and why.

    Attributes:
        graph: which of the four.
        node: name of the node, or of the group of nodes.
        reason: `design` (latents, update, sinusoid, distances, fusion), `range` (its values
            came near float16's limit on the calibration images), `constant` (float16 holds one
            of its constants too coarsely or not at all) or `sum` (it sums many values inside).
        largest_abs: largest absolute value that was seen there.
        nodes: how many nodes it is.
    """

    graph: str
    node: str
    reason: Float32Reason
    largest_abs: float
    nodes: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRange(Record):
    """The largest absolute value in a whole graph, where it stood, and how many were looked at."""

    graph: str
    node: str
    largest_abs: float
    nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionSpec(Record):
    """How the graphs' types were decided.

    Attributes:
        precision: what the graphs compute in, but for `wide`.
        calibration: what was run to see the ranges: `built-in images`, or a folder's name.
        images: how many images that were.
        limit_abs: values beyond this go to float32.
        ranges: one a graph.
        wide: what stays in float32.
    """

    precision: Precision
    calibration: str
    pictures: int
    limit_abs: float
    ranges: tuple[GraphRange, ...]
    wide: tuple[Float32Part, ...]
