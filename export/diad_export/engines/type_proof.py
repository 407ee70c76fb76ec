"""Whether an engine computes in what was asked for: an error where not, never a warning."""

import re
from collections import Counter
from collections.abc import Sequence

from diad_deploy.bundle.engine_spec import LayerTypes
from diad_deploy.errors import ExportError
from diad_export.engines.heavy_nodes import HeavyNodes
from diad_export.engines.layers import Layer

NAMED = 4
"""So many names stand in a message."""

_PLACE = re.compile(r"_myl\d+_\d+$")


def summarize(layers: Sequence[Layer]) -> LayerTypes:
    """Layers counted by type; float32 ones by the names of their ONNX nodes."""
    working = [layer for layer in layers if layer.moves_data]
    return LayerTypes(
        by_type=dict(sorted(Counter(layer.computes_in for layer in working).items())),
        fused_attentions=sum(layer.is_fused_attention for layer in working),
        float32=tuple(_called(layer) for layer in working if layer.computes_in == "float32"),
    )


def prove_types(
    graph: str, precision: str, nodes: HeavyNodes, layers: Sequence[Layer], *, wide: bool
) -> None:
    """Check that an engine asked for in float16 multiplies and convolves in float16.

    Args:
        graph: name, for messages.
        precision: what was asked for.
        nodes: the graph's own, as exported.
        layers: read back from the engine.
        wide: whether the manifest says that parts of this graph stay in float32.

    Raises:
        ExportError: nothing could be read back, the graph itself is float32, or layers that come
            from float16 nodes compute in float32; names them.
    """
    if not any(layer.moves_data for layer in layers):
        raise ExportError(
            f"{graph}: the engine's types cannot be read back: expected a line a layer from "
            f"TensorRT, found none; this version of TensorRT is not one of those that were tried"
        )
    if precision != "float16":
        return
    if nodes.float32 and (not wide or not nodes.float16):
        raise ExportError(
            f"{graph}: asked for float16, but {_count(nodes.float32)} of its graph in float32; "
            f"export the graphs again with --precision fp16"
        )
    wrong = _wrong(set(nodes.float16), layers)
    if wrong:
        raise ExportError(
            f"{graph}: asked for float16, but the engine computes {_count(wrong)} in float32, "
            f"which the graph has in float16; this engine is not kept"
        )
    seen = {node for layer in layers for node in _nodes(layer)}
    unseen = [name for name in nodes.float16 if name not in seen]
    if nodes.float16 and len(unseen) == len(nodes.float16):
        raise ExportError(
            f"{graph}: asked for float16, but none of the engine's layers names any of its "
            f"{len(nodes.float16)} convolutions and products, so their type is not proved"
        )


def _wrong(half: set[str], layers: Sequence[Layer]) -> list[str]:
    """Layers that multiply float16 nodes in float32, and nodes that only such layers name.

    A layer that merely pads or casts a convolution's float32 input names the convolution too.
    """
    naming = [layer for layer in layers if layer.moves_data and half & _nodes(layer)]
    wide = [layer for layer in naming if layer.computes_in == "float32"]
    saved = {node for x in naming if x.computes_in != "float32" for node in _nodes(x)}
    return [_called(x) for x in wide if x.multiplies or (half & _nodes(x)) - saved]


def _nodes(layer: Layer) -> set[str]:
    """The ONNX nodes of a layer, by its metadata or else by its name (`first+second_myl0_3`)."""
    return set(layer.nodes) or set(_PLACE.sub("", layer.name).split("+"))


def _called(layer: Layer) -> str:
    if not layer.nodes:
        return layer.name
    more = f"+{len(layer.nodes) - 2}" if len(layer.nodes) > 2 else ""
    return "+".join(layer.nodes[:2]) + more


def _count(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    more = f" … and {len(names) - NAMED} more" if len(names) > NAMED else ""
    noun = "convolution or product" if len(names) == 1 else "convolutions and products"
    return f"{len(names)} {noun} ({shown}{more})"
