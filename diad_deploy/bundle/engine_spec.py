"""The manifest's records of engines: their source, their target, and their layer types."""

from dataclasses import dataclass
from typing import Literal

from diad_deploy.record import Record

Target = Literal["tensorrt", "tensorrt-rtx"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProfile(Record):
    """The batch sizes of an engine.

    Attributes:
        smallest, largest: the batch sizes it runs.
        tuned: the batch size it is tuned for.
    """

    smallest: int
    tuned: int
    largest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTypes(Record):
    """The layer types read back from a built engine.

    Attributes:
        by_type: number of layers by the type they compute in: `float16`, `float32`, `mixed` (input
            and output differ) or `other` (no floating point).
        fused_attentions: number of attention blocks that were fused into one kernel.
        float32: names of the layers that compute in float32.
    """

    by_type: dict[str, int]
    fused_attentions: int
    float32: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec(Record):
    """One engine: `engines/<target>/<graph>.engine`.

    Attributes:
        graph: name of the graph it was built from.
        file: path in the bundle; its SHA-256 is listed in the manifest's files.
        graph_sha256: SHA-256 of the ONNX file it was built from.
        precision: the requested precision, `float32` or `float16`.
        version: version of TensorRT or TensorRT-RTX; other versions cannot load the engine.
        compute_capabilities: compute capabilities of the GPUs it runs on, such as `8.9`.
        gpu, driver: GPU and driver of the machine that built it; None if it had none.
        workspace_bytes: limit of its working memory; None if unlimited.
        optimization_level: TensorRT's builder optimization level.
        aux_streams: number of auxiliary streams it may use; -1 if TensorRT chose.
        layers: layer types, read back after the build.
    """

    target: Target
    graph: str
    file: str
    graph_sha256: str
    precision: str
    version: str
    compute_capabilities: tuple[str, ...]
    gpu: str | None
    driver: str | None
    profile: BatchProfile
    workspace_bytes: int | None
    optimization_level: int
    aux_streams: int
    layers: LayerTypes
