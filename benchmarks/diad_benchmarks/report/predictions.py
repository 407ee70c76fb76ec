"""Predicted limits of GPUs from their data sheets and the counted work. Not measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from diad_benchmarks.measure.floor import CountedGraph, limit
from diad_deploy.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSheet(Record):
    """A GPU's rates in NVIDIA's data sheet: dense float16 products with float32 sums, memory."""

    gpu: str
    float16_flops: float
    bytes_per_s: float


DATA_SHEETS = (
    DataSheet(gpu="H100 SXM", float16_flops=989e12, bytes_per_s=3.35e12),
    DataSheet(gpu="A100 SXM 80 GB", float16_flops=312e12, bytes_per_s=2.039e12),
    DataSheet(gpu="RTX 4090", float16_flops=165e12, bytes_per_s=1.008e12),
    DataSheet(gpu="L4", float16_flops=121e12, bytes_per_s=300e9),
    DataSheet(gpu="T4", float16_flops=65e12, bytes_per_s=320e9),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction(Record):
    """The least time of one batch in float16 at the data sheet's rates, which no GPU reaches.

    Attributes:
        arithmetic_share: time of the arithmetic alone as a share of `least_ms`.
    """

    gpu: str
    batch: int
    least_ms: float
    most_pictures_per_s: float
    arithmetic_share: float


def predict(by_batch: Mapping[int, Sequence[CountedGraph]]) -> tuple[Prediction, ...]:
    """Predict the limit for every data sheet and batch size."""
    found = []
    for sheet in DATA_SHEETS:
        for batch, graphs in by_batch.items():
            least = limit(
                graphs,
                flops=sheet.float16_flops,
                bytes_per_s=sheet.bytes_per_s,
                precision="float16",
            )
            found.append(
                Prediction(
                    gpu=sheet.gpu,
                    batch=batch,
                    least_ms=1e3 * least.seconds,
                    most_pictures_per_s=batch / least.seconds,
                    arithmetic_share=least.arithmetic_s / least.seconds,
                )
            )
    return tuple(found)
