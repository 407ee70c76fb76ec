"""Checks that an engine computes in the requested types; a deviation is an error."""

import re
from collections import Counter
from collections.abc import Sequence

from diad_deploy.bundle.engine_spec import LayerTypes
from diad_deploy.errors import ExportError
from diad_export.engines.heavy_nodes import HeavyNodes
from diad_export.engines.layers import Layer

MAX_NAMED = 4
"""Most names in a message."""

_PLACE = re.compile(r"_myl\d+_\d+$")


def summarize(layers: Sequence[Layer]) -> LayerTypes:
    """Count the layers by type, and name the ONNX nodes of those in float32."""
    working = [layer for layer in layers if layer.moves_data]
    return LayerTypes(
        by_type=dict(sorted(Counter(layer.computes_in for layer in working).items())),
        fused_attentions=sum(layer.is_fused_attention for layer in working),
        float32=tuple(_label(layer) for layer in working if layer.computes_in == "float32"),
    )


def check_types(
    graph: str, precision: str, nodes: HeavyNodes, layers: Sequence[Layer], *, float32_allowed: bool
) -> None:
    """Check that a float16 engine computes its convolutions and matrix products in float16.

    Args:
        graph: its name, for messages.
        precision: the requested one.
        nodes: of the exported graph.
        layers: read back from the engine.
        float32_allowed: whether the manifest lists float32 nodes of this graph.

    Raises:
        ExportError: no types could be read back, the graph itself is float32, or layers that come
            from float16 nodes compute in float32; names them.
    """
    if not any(layer.moves_data for layer in layers):
        raise ExportError(
            f"{graph}: the engine's types cannot be read back: expected a line for each layer in "
            f"TensorRT's log, found none; use a version of TensorRT that docs/gpu.md names"
        )
    if precision != "float16":
        return
    if nodes.float32 and (not float32_allowed or not nodes.float16):
        raise ExportError(
            f"{graph}: expected float16, but {_count(nodes.float32)} of the graph are in float32; "
            f"build the bundle again with --precision fp16"
        )
    wrong = _wrong(set(nodes.float16), layers)
    if wrong:
        raise ExportError(
            f"{graph}: expected float16, but the engine computes {_count(wrong)} in float32, "
            f"which are float16 in the graph; the engine is not kept"
        )
    found = {node for layer in layers for node in _nodes(layer)}
    if nodes.float16 and found.isdisjoint(nodes.float16):
        raise ExportError(
            f"{graph}: expected float16, but no layer of the engine names any of the graph's "
            f"{len(nodes.float16)} convolutions and products, so their types are unknown"
        )


def _wrong(float16: set[str], layers: Sequence[Layer]) -> list[str]:
    """Float32 layers that multiply, or that are the only ones to name a float16 node.

    A layer that pads or casts the float32 input of a convolution names the convolution, too.
    """
    naming = [layer for layer in layers if layer.moves_data and float16 & _nodes(layer)]
    float32 = [layer for layer in naming if layer.computes_in == "float32"]
    elsewhere = {node for x in naming if x.computes_in != "float32" for node in _nodes(x)}
    return [_label(x) for x in float32 if x.multiplies or (float16 & _nodes(x)) - elsewhere]


def _nodes(layer: Layer) -> set[str]:
    """The ONNX nodes of a layer, from its metadata or its name (`first+second_myl0_3`)."""
    return set(layer.nodes) or set(_PLACE.sub("", layer.name).split("+"))


def _label(layer: Layer) -> str:
    if not layer.nodes:
        return layer.name
    more = f"+{len(layer.nodes) - 2}" if len(layer.nodes) > 2 else ""
    return "+".join(layer.nodes[:2]) + more


def _count(names: Sequence[str]) -> str:
    listed = ", ".join(names[:MAX_NAMED])
    more = f" … and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    noun = "convolution or product" if len(names) == 1 else "convolutions and products"
    return f"{len(names)} {noun} ({listed}{more})"
