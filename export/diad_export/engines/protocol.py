"""What goes between the command and the process that builds: one JSON object a line."""

from dataclasses import dataclass

from diad_deploy.bundle.engine_spec import LayerTypes
from diad_deploy.bundle.manifest import GraphSpec
from diad_deploy.record import Record
from diad_export.engines.machine import Machine
from diad_export.engines.options import EngineOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRequest(Record):
    """Build one engine.

    Attributes:
        graph: its tensors and asked-for precision.
        onnx_file: path of its ONNX file.
        engine_file: where to write the engine.
        options: as checked; the capabilities settled.
        wide: whether the manifest says that parts of the graph stay in float32.
    """

    graph: GraphSpec
    onnx_file: str
    engine_file: str
    options: EngineOptions
    wide: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Record):
    """Look at the machine; where `engine` is given, build it."""

    options: EngineOptions
    engine: EngineRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltEngine(Record):
    """What came of a build; its `layers` were read back and proved.

    `note` says what was done to the graph on the way; empty for nothing.
    """

    layers: LayerTypes
    optimization_level: int
    aux_streams: int
    seconds: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(Record):
    """An error of the tree in `diad_deploy.errors`, by the name of its class.

    `attributes` are what it holds beside its message.
    """

    kind: str
    message: str
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance(Record):
    """How far a build is: a share from 0 to 1, and TensorRT's name of what it does."""

    share: float
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Record):
    """One line back; exactly one field is set. `peak_bytes` comes with the last one."""

    advance: Advance | None = None
    machine: Machine | None = None
    built: BuiltEngine | None = None
    failure: Failure | None = None
    peak_bytes: int | None = None
