"""What a manifest says of an engine: what it was built from, for what, and what is in it."""

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
    """What was read back from a built engine.

    Attributes:
        by_type: number of layers for each type they compute in: `float16`, `float32`, `mixed`
            (takes one, gives the other), `other` (no floats).
        fused_attentions: attentions that became one kernel.
        float32: names of the layers that compute in float32.
    """

    by_type: dict[str, int]
    fused_attentions: int
    float32: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec(Record):
    """One engine: `engines/<target>/<graph>.engine`.

    Attributes:
        graph: which of the four graphs.
        file: path in the bundle; its SHA-256 is among the manifest's files.
        graph_sha256: SHA-256 of the ONNX file it was built from.
        precision: what was asked for, `float32` or `float16`.
        version: TensorRT's (or TensorRT-RTX's) version; engines of another one do not load.
        compute_capabilities: of the GPUs it runs on, such as `8.9`.
        gpu, driver: of the machine that built it; None where it had none.
        workspace_bytes: limit of its working memory; None for none.
        optimization_level: TensorRT's builder level.
        aux_streams: streams it may use beside the main one; -1 where TensorRT chose.
        layers: read back after the build.
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
