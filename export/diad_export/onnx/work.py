"""Counts the operators, weights and multiply-adds of an ONNX graph."""

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
    """The work of one run of a graph.

    Attributes:
        operators: number of nodes by operator.
        initialisers: number of initializers.
        constants: number of elements of all initializers.
        multiply_adds: of convolutions and matrix products only.
    """

    operators: dict[str, int]
    initialisers: int
    constants: int
    multiply_adds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductWork:
    """The work of one convolution or matrix product.

    Attributes:
        multiply_adds: in one run.
        weights: elements of its constant operands.
        activations: elements of its other operands and of its result.
    """

    operator: str
    multiply_adds: int
    weights: int
    activations: int


def count_work(path: Path, *, batch: int = 1) -> GraphWork:
    """Count the graph at `path` for a batch of `batch` images; external data is not read.

    Raises:
        ExportError: the shape of an operand cannot be inferred.
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
    """The convolutions and matrix products of the graph at `path`, in the order of the file.

    Raises:
        ExportError: the shape of an operand cannot be inferred.
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
            f"{path}: the shape of {error} cannot be inferred; expected a shape that depends on "
            f"the batch size only; export the graph again"
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
    """Names of the values that do not depend on the graph's inputs.

    One pass is enough: ONNX lists a node before those that read its results.
    """
    found = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if all(name in found for name in node.input if name):
            found.update(node.output)
    return found


def _shapes(model: onnx.ModelProto, batch: int) -> Shapes:
    """Shapes of all values that can be inferred for this batch size."""
    graph = model.graph
    for value in graph.input:
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_value = batch
    # the shapes in the file have a symbolic batch, and inference would keep them
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
        transposed = any(a.name == "transA" and a.i for a in node.attribute)
        return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][0 if transposed else 1]
    return 0
