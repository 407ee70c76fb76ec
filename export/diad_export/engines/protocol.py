"""Messages between the command and the process that builds engines: one JSON object per line."""

from dataclasses import dataclass

from diad_deploy.bundle.engine_spec import LayerTypes
from diad_deploy.bundle.manifest import GraphSpec
from diad_deploy.record import Record
from diad_export.engines.machine import Machine
from diad_export.engines.options import EngineOptions
from diad_export.workers.failure import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRequest(Record):
    """Build one engine.

    Attributes:
        graph: its tensors and the requested precision.
        onnx_file: path of its ONNX file.
        engine_file: where to write the engine.
        options: checked, with the compute capabilities filled in.
        float32_allowed: whether the manifest says that parts of the graph stay in float32.
    """

    graph: GraphSpec
    onnx_file: str
    engine_file: str
    options: EngineOptions
    float32_allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Record):
    """Describe the machine or, if `engine` is given, build an engine."""

    options: EngineOptions
    engine: EngineRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltEngine(Record):
    """The result of a build.

    Attributes:
        layers: the types read back from the engine and checked.
        seconds: the duration of the build.
        note: how the graph was changed before the build; empty if it was not.
    """

    layers: LayerTypes
    optimization_level: int
    aux_streams: int
    seconds: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance(Record):
    """The progress of a build: a share from 0 to 1, and TensorRT's name for the current phase."""

    share: float
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Record):
    """An answer; exactly one field is set, and `peak_bytes` with `built`."""

    advance: Advance | None = None
    machine: Machine | None = None
    built: BuiltEngine | None = None
    failure: Failure | None = None
    peak_bytes: int | None = None
