"""The manifest's record of the precision its graphs compute in."""

from dataclasses import dataclass
from typing import Literal

from diad_deploy.record import Record

Precision = Literal["float32", "float16"]
Float32Reason = Literal["design", "range", "constant", "sum"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Float32Part(Record):
    """Nodes that stay in float32 in a float16 graph, and the reason.

    Attributes:
        graph: name of the graph.
        node: name of the node, or of the group of nodes.
        reason: `design` (latents, update, timestep embedding, distances, fusion), `range` (its
            values came close to float16's limit on the calibration images), `constant` (one of
            its constants is imprecise or out of range in float16) or `sum` (it sums many values).
        largest_abs: largest absolute value observed there.
        nodes: number of nodes.
    """

    graph: str
    node: str
    reason: Float32Reason
    largest_abs: float
    nodes: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRange(Record):
    """The largest absolute value in a graph, the node it occurred in, and the nodes observed."""

    graph: str
    node: str
    largest_abs: float
    nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionSpec(Record):
    """How the precision of the graphs was decided.

    Attributes:
        precision: the type the graphs compute in, except for `wide`.
        calibration: source of the calibration images: `built-in images`, or a folder's name.
        pictures: number of calibration images.
        limit_abs: nodes with larger absolute values stay in float32.
        ranges: one per graph.
        wide: the nodes that stay in float32.
    """

    precision: Precision
    calibration: str
    pictures: int
    limit_abs: float
    ranges: tuple[GraphRange, ...]
    wide: tuple[Float32Part, ...]
