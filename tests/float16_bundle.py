"""The built-in bundle in float16, by the package's own conversion, without PyTorch's export.

As in a build, norms, reductions, coarse constants and the nodes between the networks stay in
float32. Unlike a build, it does not measure ranges on images (see `tests/diad_export`).
"""

import shutil
from dataclasses import replace
from pathlib import Path

import onnx_ir as ir

from diad_deploy.bundle.folder import Bundle, BundleWriter, builtin_bundle
from diad_deploy.bundle.manifest import GraphSpec
from diad_deploy.bundle.precision_spec import Float32Part, PrecisionSpec
from diad_export.onnx.export import FLOAT32_SCOPE
from diad_export.precision.float16 import convert_to_float16
from diad_export.precision.float16_graph import list_parts
from diad_export.precision.float32_nodes import LIMIT_ABS, choose_float32_nodes

NETWORK_ENDS = frozenset(("Conv", "Relu", "MaxPool"))


def write_float16_bundle(destination: Path) -> Bundle:
    """Write the bundle; everything but the graphs is copied from the built-in bundle."""
    single = Bundle.open(builtin_bundle())
    manifest = single.manifest
    graphs = {graph.file: graph for graph in manifest.graphs}
    wide: list[Float32Part] = []
    with BundleWriter(destination) as writer:
        for record in manifest.files:
            if record.path in graphs:
                wide += _halve(single, graphs[record.path], writer.folder)
            else:
                shutil.copyfile(single.file(record.path), writer.folder / record.path)
        return writer.finish(
            replace(
                manifest,
                graphs=tuple(replace(graph, precision="float16") for graph in manifest.graphs),
                precision=PrecisionSpec(
                    precision="float16",
                    calibration="none",
                    pictures=0,
                    limit_abs=LIMIT_ABS,
                    ranges=(),
                    wide=tuple(wide),
                ),
                files=(),
            )
        )


def _halve(single: Bundle, graph: GraphSpec, folder: Path) -> tuple[Float32Part, ...]:
    model = ir.load(single.file(graph.file))
    for value in model.graph.outputs:
        _mark_to_network(value)
    for node in model.graph:
        if node.op_type in ("Sin", "Cos"):
            node.meta[FLOAT32_SCOPE] = "sinusoid"
            _mark_to_network(node.inputs[0])
    wide = choose_float32_nodes(model, {})
    convert_to_float16(model, [each.node for each in wide])
    ir.save(model, folder / graph.file)
    return list_parts(graph.name, wide)


def _mark_to_network(value: ir.Value | None) -> None:
    """The nodes that compute `value`, back to the network's last layer."""
    node = None if value is None else value.producer()
    if node is None or node.op_type in NETWORK_ENDS or FLOAT32_SCOPE in node.meta:
        return
    node.meta[FLOAT32_SCOPE] = "outside the networks"
    for each in node.inputs:
        _mark_to_network(each)
