"""Component -> mixed-precision ONNX file: trace, choose float32 nodes, convert, compare."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from diad_deploy.bundle.manifest import ParityRecord
from diad_deploy.bundle.precision_spec import Float32Part, GraphRange
from diad_deploy.errors import ExportError
from diad_export.memory import release_memory
from diad_export.onnx.components import Component
from diad_export.onnx.export import WrittenGraph, save_graph, trace
from diad_export.onnx.parity import Array, check_parity, compare, open_session
from diad_export.precision.calibration import Calibration, TracedRun
from diad_export.precision.float16 import convert_to_float16
from diad_export.precision.float16_emulation import write_emulated
from diad_export.precision.float32_nodes import Float32Node, choose_float32_nodes
from diad_export.precision.ranges import Ranges, TracedGraph, write_traced

RELATIVE_LIMITS = {
    "latents": 0.01,
    "hint": 0.01,
    "next_latents": 0.01,
    "reconstruction": 0.02,
    "anomaly_map": 0.02,
    "image_score": 0.02,
}
"""Largest relative error of each output against the float32 graph on calibration inputs. With every
node rounded, the demo and the published size reach at most 5e-4 (latents) and 1.6e-3 (others); the
limits are about ten times as much."""

COMPARED_RUNS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Float16Graph:
    """A mixed-precision graph on disk, its measured range, float32 nodes and errors."""

    written: WrittenGraph
    range: GraphRange
    float32_parts: tuple[Float32Part, ...]
    parity: tuple[ParityRecord, ...]


def write_float16_graph(
    component: Component, folder: Path, calibration: Calibration
) -> Float16Graph:
    """Export `component` to `folder/NAME.onnx` in mixed precision.

    Components have to be written in the order in which they run, as each is calibrated on the
    outputs of those before it.

    Raises:
        ExportError: torch cannot export it, the float32 graph differs from its module, or the
            float16 graph from the float32 graph.
    """
    model = trace(component)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = write_traced(model, component.name, Path(scratch))
        check_parity(component, path)
        traced = TracedGraph(model, path)
        runs = calibration.run_graph(component.name, traced.run)
        ranges = traced.ranges
        del traced
        release_memory()
    chosen = choose_float32_nodes(model, ranges)
    nodes = len(convert_to_float16(model, [each.node for each in chosen])) + len(chosen)
    parts = list_parts(component.name, chosen)
    written = save_graph(model, component.name, folder)
    del model, chosen  # a node keeps its graph alive
    release_memory()
    return Float16Graph(
        written=written,
        range=_measured_range(component.name, ranges, nodes),
        float32_parts=parts,
        parity=check_float16(component, written.path, _select_runs(runs)),
    )


def list_parts(graph: str, chosen: Sequence[Float32Node]) -> tuple[Float32Part, ...]:
    """The float32 nodes of a graph, grouped by reason and part."""

    def key(each: Float32Node) -> tuple[str, str]:
        return each.reason, each.part

    parts = []
    for (_, part), group in groupby(sorted(chosen, key=key), key=key):
        nodes = list(group)
        parts.append(
            Float32Part(
                graph=graph,
                node=part,
                reason=nodes[0].reason,
                largest_abs=max(each.largest_abs for each in nodes),
                nodes=len(nodes),
            )
        )
    return tuple(parts)


def check_float16(
    component: Component, path: Path, runs: Sequence[TracedRun]
) -> tuple[ParityRecord, ...]:
    """Compare the float16 graph at `path` with runs of the float32 graph.

    Float16 is emulated at every node (`float16_emulation.py`), so that an overflow shows.

    Returns:
        The errors of each output, for the run with the largest.

    Raises:
        ExportError: an output is not finite, or its error exceeds `RELATIVE_LIMITS`.
    """
    worst: dict[str, ParityRecord] = {}
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        session = open_session(write_emulated(path, Path(scratch)), as_written=True)
        for traced in runs:
            results: list[Array] = session.run(None, dict(traced.inputs))
            for spec, want, got in zip(component.outputs, traced.outputs, results, strict=True):
                record = compare(component.name, spec.name, want, got)
                if spec.name not in worst or not record.relative <= worst[spec.name].relative:
                    worst[spec.name] = record
        del session  # closes the files before they are removed
    too_far = [
        f"{name} by {record.relative:.1e} (limit {RELATIVE_LIMITS[name]:.0e})"
        for name, record in worst.items()
        if not record.relative <= RELATIVE_LIMITS[name]
    ]
    if too_far:
        raise ExportError(
            f"{component.name}: in float16 it differs from float32 on the calibration images: "
            f"{', '.join(too_far)} of its norm; calibrate on images like yours with "
            f"--calibration DIR, or build with --precision fp32"
        )
    return tuple(worst.values())


def _measured_range(graph: str, ranges: Ranges, nodes: int) -> GraphRange:
    node = max(ranges, key=lambda name: ranges[name])
    return GraphRange(graph=graph, node=node, largest_abs=ranges[node], nodes=nodes)


def _select_runs(runs: Sequence[TracedRun]) -> list[TracedRun]:
    """A few runs from the first to the last; for the denoiser, from early to late steps."""
    count = min(COMPARED_RUNS, len(runs))
    chosen = {round(i * (len(runs) - 1) / max(count - 1, 1)) for i in range(count)}
    return [runs[index] for index in sorted(chosen)]
