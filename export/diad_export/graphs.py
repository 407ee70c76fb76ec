"""The four graphs written in one precision, and what the manifest says of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from diad_deploy.bundle.manifest import Convolutions, GraphSpec, ParityRecord
from diad_deploy.bundle.precision_spec import Precision, PrecisionSpec
from diad_export.memory import give_back_memory
from diad_export.onnx.components import Component
from diad_export.onnx.export import WrittenGraph, write_graph
from diad_export.onnx.parity import check_parity
from diad_export.precision.calibration import Calibration
from diad_export.precision.float16_graph import Float16Graph, write_float16_graph
from diad_export.precision.float32_nodes import LIMIT_ABS

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedGraphs:
    """What the manifest says of the four graphs; `precision` of float16 ones only."""

    specs: tuple[GraphSpec, ...]
    parity: tuple[ParityRecord, ...]
    precision: PrecisionSpec | None


def write_float32(
    components: Sequence[Component],
    folder: Path,
    progress: Progress,
    convolutions: Convolutions = "plain",
) -> ExportedGraphs:
    """Export all graphs in float32, and compare each with its module."""
    specs: list[GraphSpec] = []
    parity: list[ParityRecord] = []
    for component in components:
        progress(f"exporting the {component.name}")
        written = write_graph(component, folder, convolutions)
        give_back_memory()
        parity += check_parity(component, written.path)
        specs.append(graph_spec(component, written, "float32"))
    return ExportedGraphs(specs=tuple(specs), parity=tuple(parity), precision=None)


def write_float16(
    components: Sequence[Component],
    folder: Path,
    calibration: Calibration,
    progress: Progress,
) -> ExportedGraphs:
    """Export all graphs in float16, with float32 where calibration images show the need."""
    halves: list[Float16Graph] = []
    for component in components:
        progress(f"exporting the {component.name} in float16")
        halves.append(write_float16_graph(component, folder, calibration))
        give_back_memory()
    return ExportedGraphs(
        specs=tuple(
            graph_spec(component, half.written, "float16")
            for component, half in zip(components, halves, strict=True)
        ),
        parity=tuple(record for half in halves for record in half.parity),
        precision=PrecisionSpec(
            precision="float16",
            calibration=calibration.source.source,
            pictures=len(calibration.source.images),
            limit_abs=LIMIT_ABS,
            ranges=tuple(half.range for half in halves),
            wide=tuple(part for half in halves for part in half.wide),
        ),
    )


def graph_spec(component: Component, written: WrittenGraph, precision: Precision) -> GraphSpec:
    """What the manifest says of a written graph."""
    return GraphSpec(
        name=component.name,
        file=written.path.name,
        inputs=component.inputs,
        outputs=component.outputs,
        precision=precision,
        stored_weights=written.stored_weights,
        parameters=written.parameters,
    )
