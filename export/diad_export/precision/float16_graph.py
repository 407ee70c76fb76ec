"""Component -> float16 ONNX file: measured, decided, converted, and compared on real inputs."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from diad_deploy.bundle.manifest import ParityRecord
from diad_deploy.bundle.precision_spec import Float32Part, GraphRange
from diad_deploy.errors import ExportError
from diad_export.memory import give_back_memory
from diad_export.onnx.components import Component
from diad_export.onnx.export import WrittenGraph, save_graph, trace
from diad_export.onnx.parity import Array, check_parity, compare, open_session
from diad_export.precision.calibration import Calibration, Seen
from diad_export.precision.float16 import convert_to_float16
from diad_export.precision.float32_nodes import Float32Node, choose_float32_nodes
from diad_export.precision.ranges import Ranges, TracedGraph, write_traced
from diad_export.precision.rounded_graph import write_rounded

RELATIVE_LIMITS = {
    "latents": 0.01,
    "hint": 0.01,
    "next_latents": 0.01,
    "reconstruction": 0.02,
    "anomaly_map": 0.02,
    "image_score": 0.02,
}
"""How far each output may be from float32's, of its norm, on calibration inputs. Rounded at every
node, the demo and the published size are off by 5e-4 (latents) and 1.6e-3 (the others) at most:
these are ten times as much."""

COMPARED_RUNS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Float16Graph:
    """A float16 graph on disk, what was measured before and what was compared after."""

    written: WrittenGraph
    range: GraphRange
    wide: tuple[Float32Part, ...]
    parity: tuple[ParityRecord, ...]


def write_float16_graph(
    component: Component, folder: Path, calibration: Calibration
) -> Float16Graph:
    """Export `component` to `folder/NAME.onnx` in float16, on what the graphs before it gave.

    Raises:
        ExportError: torch could not export it, the float32 graph does not give its module's
            numbers, or the float16 graph not the float32 graph's.
    """
    model = trace(component)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = write_traced(model, component.name, Path(scratch))
        check_parity(component, path)
        observed = TracedGraph(model, path)
        seen = calibration.run_through(component.name, observed.run)
        ranges = observed.ranges
        del observed
        give_back_memory()
    wide = choose_float32_nodes(model, ranges)
    nodes = len(convert_to_float16(model, [each.node for each in wide])) + len(wide)
    parts = list_parts(component.name, wide)
    written = save_graph(model, component.name, folder)
    del model, wide  # the nodes hold their graph
    give_back_memory()
    return Float16Graph(
        written=written,
        range=_widest(component.name, ranges, nodes),
        wide=parts,
        parity=check_float16(component, written.path, _spread(seen)),
    )


def list_parts(graph: str, wide: Sequence[Float32Node]) -> tuple[Float32Part, ...]:
    """Nodes of one part and reason together, the most numerous first."""

    def key(each: Float32Node) -> tuple[str, str]:
        return each.reason, each.part

    parts = []
    for (_, part), group in groupby(sorted(wide, key=key), key=key):
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
    component: Component, path: Path, seen: Sequence[Seen]
) -> tuple[ParityRecord, ...]:
    """Compare the float16 graph at `path` with what float32 gave; the worst run is recorded.

    Every float16 value is rounded (`rounded_graph`), so that an overflow inside shows.

    Raises:
        ExportError: an output is not finite, or beyond its limit of `RELATIVE_LIMITS`.
    """
    worst: dict[str, ParityRecord] = {}
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        session = open_session(write_rounded(path, Path(scratch)), as_written=True)
        for each in seen:
            results: list[Array] = session.run(None, dict(each.feed))
            for spec, want, got in zip(component.outputs, each.outputs, results, strict=True):
                record = compare(component.name, spec.name, want, got)
                if spec.name not in worst or not record.relative <= worst[spec.name].relative:
                    worst[spec.name] = record
        del session  # before its files go
    too_far = [
        f"{name} by {record.relative:.1e} (at most {RELATIVE_LIMITS[name]:.0e} is allowed)"
        for name, record in worst.items()
        if not record.relative <= RELATIVE_LIMITS[name]
    ]
    if too_far:
        raise ExportError(
            f"{component.name}: in float16 it differs from float32 on the calibration images, "
            f"of its norm: {', '.join(too_far)}; calibrate on images like yours with "
            f"--calibration DIR, or build with --precision fp32"
        )
    return tuple(worst.values())


def _widest(graph: str, ranges: Ranges, nodes: int) -> GraphRange:
    place = max(ranges, key=lambda name: ranges[name])
    return GraphRange(graph=graph, node=place, largest_abs=ranges[place], nodes=nodes)


def _spread(seen: Sequence[Seen]) -> list[Seen]:
    """A few runs from the first to the last: of a denoiser, from early to late steps."""
    count = min(COMPARED_RUNS, len(seen))
    places = {round(i * (len(seen) - 1) / max(count - 1, 1)) for i in range(count)}
    return [seen[place] for place in sorted(places)]
