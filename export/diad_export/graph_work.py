"""The work in an ONNX graph, counted from the graph itself."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx.shape_inference import infer_shapes

from diad_deploy.errors import ExportError

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphWork:
    """One run of a graph.

    Attributes:
        operators: nodes by type.
        initialisers: constant tensors.
        constants: elements of all of them.
        multiply_adds: of convolutions and matrix products; the rest is not counted.
    """

    operators: dict[str, int]
    initialisers: int
    constants: int
    multiply_adds: int


def count_work(path: Path, *, batch: int = 1) -> GraphWork:
    """Count the graph at `path` for `batch` pictures; weights beside it are not read.

    Raises:
        ExportError: a convolution's or product's shape cannot be told.
    """
    model = onnx.load(path, load_external_data=False)
    shapes = _shapes(model, batch)
    try:
        multiply_adds = sum(_multiply_adds(node, shapes) for node in model.graph.node)
    except KeyError as error:
        raise ExportError(
            f"{path}: the shape of {error} cannot be told from the graph; expected one that "
            f"depends on the batch alone"
        ) from None
    sizes = [math.prod(tensor.dims) for tensor in model.graph.initializer]
    return GraphWork(
        operators=dict(Counter(node.op_type for node in model.graph.node)),
        initialisers=len(sizes),
        constants=sum(sizes),
        multiply_adds=multiply_adds,
    )


def _shapes(model: onnx.ModelProto, batch: int) -> Shapes:
    """Shape of every value whose shape is known once the batch is."""
    graph = model.graph
    for value in graph.input:
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_value = batch
    # what the exporter noted speaks of any batch, and would be believed
    del graph.value_info[:]
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")
    inferred = infer_shapes(model, data_prop=True).graph
    found = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        tensor = value.type.tensor_type
        if tensor.HasField("shape") and all(d.HasField("dim_value") for d in tensor.shape.dim):
            found[value.name] = tuple(d.dim_value for d in tensor.shape.dim)
    return found


def _multiply_adds(node: onnx.NodeProto, shapes: Shapes) -> int:
    if node.op_type == "Conv":
        _, *kernel = shapes[node.input[1]]
        return math.prod(shapes[node.output[0]]) * math.prod(kernel)
    if node.op_type == "MatMul":
        return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    if node.op_type == "Gemm":
        turned = any(a.name == "transA" and a.i for a in node.attribute)
        return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][0 if turned else 1]
    return 0
