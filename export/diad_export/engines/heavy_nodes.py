"""The convolutions and matrix products of an ONNX graph, and the types they compute in."""

from dataclasses import dataclass
from pathlib import Path

import onnx

from diad_export.onnx.inferred_types import infer_types

HEAVY = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm", "Einsum", "Attention"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HeavyNodes:
    """Names of convolutions and matrix products, by the type of their results."""

    float16: tuple[str, ...]
    float32: tuple[str, ...]


def read_heavy_nodes(path: Path) -> HeavyNodes:
    """Read them from the graph at `path`; external data is not read.

    Raises:
        ExportError: ONNX rejects the graph.
    """
    model = onnx.load(str(path), load_external_data=False)
    types = _types(model.graph)
    if any(node.output[0] not in types for node in _heavy(model.graph)):
        types |= _types(infer_types(model, path).graph)
    found: dict[int | None, list[str]] = {}
    for node in _heavy(model.graph):
        found.setdefault(types.get(node.output[0]), []).append(node.name)
    return HeavyNodes(
        float16=tuple(found.get(onnx.TensorProto.FLOAT16, ())),
        float32=tuple(found.get(onnx.TensorProto.FLOAT, ())),
    )


def _heavy(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    return [node for node in graph.node if node.op_type in HEAVY]


def _types(graph: onnx.GraphProto) -> dict[str, int]:
    values = (*graph.value_info, *graph.output)
    return {value.name: value.type.tensor_type.elem_type for value in values}
