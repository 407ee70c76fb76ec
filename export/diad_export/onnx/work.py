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
PRODUCTS = ("Conv", "MatMul", "Gemm")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductWork:
    """One convolution or matrix product.

    Attributes:
        multiply_adds: of one run.
        weights: elements of its constant operands, which have to be read in every run.
        activations: elements of its other operands and of what it gives.
    """

    operator: str
    multiply_adds: int
    weights: int
    activations: int


def count_work(path: Path, *, batch: int = 1) -> GraphWork:
    """Count the graph at `path` for `batch` images; weights beside it are not read.

    Raises:
        ExportError: a convolution's or product's shape cannot be told.
    """
    model = onnx.load(path, load_external_data=False)
    products = _products(model, path, batch)
    sizes = [math.prod(tensor.dims) for tensor in model.graph.initializer]
    return GraphWork(
        operators=dict(Counter(node.op_type for node in model.graph.node)),
        initialisers=len(sizes),
        constants=sum(sizes),
        multiply_adds=sum(product.multiply_adds for product in products),
    )


def count_products(path: Path, *, batch: int = 1) -> tuple[ProductWork, ...]:
    """Every convolution and matrix product of the graph at `path`, in its order.

    Raises:
        ExportError: as of `count_work`.
    """
    return _products(onnx.load(path, load_external_data=False), path, batch)


def _products(model: onnx.ModelProto, path: Path, batch: int) -> tuple[ProductWork, ...]:
    shapes, constants = _shapes(model, batch), _constants(model.graph)
    try:
        return tuple(
            _product(node, shapes, constants)
            for node in model.graph.node
            if node.op_type in PRODUCTS
        )
    except KeyError as error:
        raise ExportError(
            f"{path}: the shape of {error} cannot be told from the graph; expected one that "
            f"depends on the batch alone"
        ) from None


def _product(node: onnx.NodeProto, shapes: Shapes, constants: set[str]) -> ProductWork:
    operands = [(name in constants, math.prod(shapes[name])) for name in node.input if name]
    return ProductWork(
        operator=node.op_type,
        multiply_adds=_multiply_adds(node, shapes),
        weights=sum(size for constant, size in operands if constant),
        activations=sum(size for constant, size in operands if not constant)
        + math.prod(shapes[node.output[0]]),
    )


def _constants(graph: onnx.GraphProto) -> set[str]:
    """Names of what does not depend on the graph's inputs: initialisers, and what is made of them.

    ONNX lists nodes in an order in which they can run.
    """
    found = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if all(name in found for name in node.input if name):
            found.update(node.output)
    return found


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
