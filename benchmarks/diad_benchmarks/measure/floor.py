"""The least time that a model's arithmetic and weights need on a machine of known rates.

Every convolution and matrix product takes as long as its arithmetic or as reading its weights from
memory, whichever is longer. Activations may stay in caches and everything else may be fused, so
neither is counted. Weights are assumed to be read in every run of a graph: if all of them fit into
a cache, this is not a lower limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diad_deploy.bundle.folder import Bundle
from diad_deploy.record import Record

if TYPE_CHECKING:
    from diad_export.onnx.work import ProductWork

ELEMENT_BYTES = {"float32": 4, "float16": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphCount(Record):
    """The work of one graph for one batch.

    Attributes:
        runs: how often the bundle's schedule runs it.
        flop: two per multiply-add, over all runs.
        weights: elements of constant operands in one run.
    """

    graph: str
    runs: int
    flop: float
    weights: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit(Record):
    """The least seconds for one batch.

    Attributes:
        seconds: the longer of the two below, summed over the nodes.
        arithmetic_s: for the arithmetic alone.
        weights_s: for reading the weights alone.
    """

    seconds: float
    arithmetic_s: float
    weights_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedGraph:
    """A graph's convolutions and matrix products for one batch size, and how often it runs."""

    name: str
    runs: int
    products: "tuple[ProductWork, ...]"

    def count(self) -> GraphCount:
        """The totals."""
        return GraphCount(
            graph=self.name,
            runs=self.runs,
            flop=2.0 * self.runs * sum(product.multiply_adds for product in self.products),
            weights=sum(product.weights for product in self.products),
        )


def count_bundle(bundle: Bundle, *, batch: int = 1) -> tuple[CountedGraph, ...]:
    """Count the products of the bundle's four graphs.

    Raises:
        ExportError: a shape cannot be inferred from a graph.
    """
    from diad_export.onnx.work import count_products

    steps = bundle.manifest.schedule.steps
    return tuple(
        CountedGraph(
            name=graph.name,
            runs=steps if graph.name == "denoiser" else 1,
            products=count_products(bundle.file(graph.file), batch=batch),
        )
        for graph in bundle.manifest.graphs
    )


def limit(
    graphs: Sequence[CountedGraph],
    *,
    flops: float,
    bytes_per_s: float,
    precision: str,
    times: int = 1,
) -> Limit:
    """The least time of `graphs` on a device that computes `flops` per second.

    Args:
        times: the batch, as a multiple of the one that `graphs` were counted for.
    """
    size = ELEMENT_BYTES[precision]
    seconds = arithmetic = weights = 0.0
    for graph in graphs:
        for product in graph.products:
            computing = 2.0 * times * product.multiply_adds / flops
            reading = product.weights * size / bytes_per_s
            seconds += graph.runs * max(computing, reading)
            arithmetic += graph.runs * computing
            weights += graph.runs * reading
    return Limit(seconds=seconds, arithmetic_s=arithmetic, weights_s=weights)
