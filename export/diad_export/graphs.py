"""Writes the four graphs in one precision, and returns their entries for the manifest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from diad_deploy.bundle.manifest import Convolutions, GraphSpec, ParityRecord
from diad_deploy.bundle.precision_spec import Precision, PrecisionSpec
from diad_export.memory import release_memory
from diad_export.onnx.components import Component
from diad_export.onnx.export import WrittenGraph, write_graph
from diad_export.onnx.parity import check_parity
from diad_export.precision.calibration import Calibration
from diad_export.precision.float16_graph import Float16Graph, write_float16_graph
from diad_export.precision.float32_nodes import LIMIT_ABS

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedGraphs:
    """The manifest's entries for the four graphs; `precision` is None for float32."""

    specs: tuple[GraphSpec, ...]
    parity: tuple[ParityRecord, ...]
    precision: PrecisionSpec | None


def write_float32(
    components: Sequence[Component],
    folder: Path,
    progress: Progress,
    convolutions: Convolutions = "plain",
) -> ExportedGraphs:
    """Export all graphs in float32 and compare each with its module."""
    specs: list[GraphSpec] = []
    parity: list[ParityRecord] = []
    for component in components:
        progress(f"exporting the {component.name}")
        written = write_graph(component, folder, convolutions)
        release_memory()
        parity += check_parity(component, written.path)
        specs.append(graph_spec(component, written, "float32"))
    return ExportedGraphs(specs=tuple(specs), parity=tuple(parity), precision=None)


def write_float16(
    components: Sequence[Component],
    folder: Path,
    calibration: Calibration,
    progress: Progress,
) -> ExportedGraphs:
    """Export all graphs in mixed precision, calibrated on images."""
    written: list[Float16Graph] = []
    for component in components:
        progress(f"exporting the {component.name} in float16")
        written.append(write_float16_graph(component, folder, calibration))
        release_memory()
    return ExportedGraphs(
        specs=tuple(
            graph_spec(component, graph.written, "float16")
            for component, graph in zip(components, written, strict=True)
        ),
        parity=tuple(record for graph in written for record in graph.parity),
        precision=PrecisionSpec(
            precision="float16",
            calibration=calibration.source.source,
            pictures=len(calibration.source.images),
            limit_abs=LIMIT_ABS,
            ranges=tuple(graph.range for graph in written),
            wide=tuple(part for graph in written for part in graph.float32_parts),
        ),
    )


def graph_spec(component: Component, written: WrittenGraph, precision: Precision) -> GraphSpec:
    """The manifest's entry for a written graph."""
    return GraphSpec(
        name=component.name,
        file=written.path.name,
        inputs=component.inputs,
        outputs=component.outputs,
        precision=precision,
        stored_weights=written.stored_weights,
        parameters=written.parameters,
    )
