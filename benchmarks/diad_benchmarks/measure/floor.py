"""The least time that a model's arithmetic and weights allow on a machine of known rates.

Every convolution and matrix product takes as long as its arithmetic, or as long as reading its
weights from memory, whichever is more. Activations may stay in caches and everything else may be
fused, so neither is counted. Weights are taken to be read in every run of a graph: where all of
them fit into a cache, this is no lower limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from diad_deploy.bundle.folder import Bundle
from diad_deploy.record import Record
from diad_export.onnx.work import ProductWork, count_products

ELEMENT_BYTES = {"float32": 4, "float16": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphCount(Record):
    """What one graph does for one batch of the bundle's schedule.

    Attributes:
        runs: how often it runs.
        flop: two for each multiply-add, all runs together.
        weights: elements of constant operands, of one run.
    """

    graph: str
    runs: int
    flop: float
    weights: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit(Record):
    """The least seconds of one batch.

    Attributes:
        seconds: node by node the longer of both below.
        arithmetic_s: of the arithmetic alone.
        weights_s: of reading the weights alone.
    """

    seconds: float
    arithmetic_s: float
    weights_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedGraph:
    """A graph's products for one batch size, and how often it runs."""

    name: str
    runs: int
    products: tuple[ProductWork, ...]

    def count(self) -> GraphCount:
        """The sums."""
        return GraphCount(
            graph=self.name,
            runs=self.runs,
            flop=2.0 * self.runs * sum(product.multiply_adds for product in self.products),
            weights=sum(product.weights for product in self.products),
        )


def count_bundle(bundle: Bundle, *, batch: int = 1) -> tuple[CountedGraph, ...]:
    """The products of the bundle's four graphs.

    Raises:
        ExportError: a shape cannot be told from a graph.
    """
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
    """The least time of `graphs` on a device that computes `flops` a second.

    Args:
        times: as many images as `graphs` were counted for, so often, at once.
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
