"""A float32 graph becomes a float16 graph, but for the nodes that stay wide.

Before: a graph whose floating-point values are all float32, without subgraphs, every result's type
known. After: the same nodes in the same order with the same names; every node computes in float16
unless it is among `wide` or ONNX defines it for float32 only; graph inputs and outputs are float32
under their old names. Between float16 and float32 stands one Cast for each value that crosses,
right after the value comes to be, and none stands behind another. Constants are held in the type
that their nodes read, in both where they are read in both.
"""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import onnx
import onnx_ir as ir

from diad_deploy.errors import ExportError

_FLOAT, _HALF = ir.DataType.FLOAT, ir.DataType.FLOAT16
_ATTRIBUTE_TYPED = frozenset(("Constant", "ConstantOfShape", "EyeLike"))
"""Operators whose result has an attribute's type: they stay as they are."""

_ANY_TYPE = frozenset(("Cast", "Shape", "Size", "IsNaN", "IsInf"))
"""Operators that take a value in whichever type it has."""


def convert_to_float16(model: ir.Model, wide: Collection[ir.Node]) -> tuple[ir.Node, ...]:
    """Change `model` in place; returns the nodes that compute in float16.

    Raises:
        ExportError: a node holds a subgraph, or a type is not known.
    """
    graph = model.graph
    _check(graph)
    opset = graph.opset_imports.get("", 20)
    float32_nodes = set(wide)
    half = [node for node in graph if node not in float32_nodes and _can_be_float16(node, opset)]
    float16_nodes = set(half)
    borders = _Borders(graph)
    for node in list(graph):
        if node in float16_nodes:
            _make_float16(node)
    for node in list(graph):
        if node.op_type not in _ANY_TYPE:
            _fit_inputs(node, borders, opset, wanted=_HALF if node in float16_nodes else _FLOAT)
    _restore_outputs(graph, borders)
    _drop_unread_constants(graph)
    return tuple(half)


class _Borders:
    """Each value in the type in which a node wants it, cast or rounded once."""

    def __init__(self, graph: ir.Graph) -> None:
        self._graph = graph
        self._made: dict[tuple[ir.Value, ir.DataType], ir.Value] = {}

    def give(self, value: ir.Value, wanted: ir.DataType) -> ir.Value:
        """`value` itself, or the same in `wanted`."""
        if value.dtype == wanted or value.dtype not in (_FLOAT, _HALF):
            return value
        key = (value, wanted)
        if key not in self._made:
            constant = value.is_initializer() and wanted == _HALF
            self._made[key] = self._rounded(value) if constant else self._cast(value, wanted)
        return self._made[key]

    def _rounded(self, value: ir.Value) -> ir.Value:
        tensor = value.const_value
        if tensor is None:  # an initialiser always has one; the type does not say so
            return self._cast(value, _HALF)
        name = f"{value.name}.half"
        halved = ir.tensor(tensor.numpy().astype(np.float16), name=name)
        rounded = ir.Value(
            name=name, shape=value.shape, type=ir.TensorType(_HALF), const_value=halved
        )
        self._graph.register_initializer(rounded)
        return rounded

    def _cast(self, value: ir.Value, wanted: ir.DataType) -> ir.Value:
        word = "half" if wanted == _HALF else "wide"
        cast = ir.node("Cast", [value], attributes={"to": wanted}, name=f"{value.name}.to_{word}")
        [result] = cast.outputs
        result.name, result.shape = f"{value.name}.{word}", value.shape
        result.type = ir.TensorType(wanted)
        producer = value.producer()
        if producer is not None:
            self._graph.insert_after(producer, cast)
        else:
            self._graph.insert_before(self._graph[0], cast)
        return result


def _check(graph: ir.Graph) -> None:
    for node in graph:
        if any(
            attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)
            for attribute in node.attributes.values()
        ):
            raise ExportError(
                f"{node.name}: expected a plain node, found {node.op_type} with a graph inside; "
                f"build with --precision fp32"
            )
        untyped = next((value for value in node.outputs if value.dtype is None), None)
        if untyped is not None:
            raise ExportError(
                f"{node.name}: the type of its result {untyped.name} is not known; build with "
                f"--precision fp32"
            )


def _can_be_float16(node: ir.Node, opset: int) -> bool:
    """Whether the node has float32 values, and ONNX lets them be float16."""
    if node.op_type == "Cast":
        return bool(node.outputs[0].dtype == _FLOAT)
    if node.op_type in _ATTRIBUTE_TYPED | _ANY_TYPE:
        return False
    schema = onnx.defs.get_schema(node.op_type, opset, node.domain)
    allowed = {each.type_param_str: each.allowed_type_strs for each in schema.type_constraints}
    kinds = [_kind(schema.inputs, place) for place in _float_inputs(node)]
    kinds += [_kind(schema.outputs, place) for place in _float_outputs(node)]
    # those with a type of their own are float32 always, and no hindrance
    free = [allowed[kind] for kind in kinds if kind in allowed]
    return bool(free) and all("tensor(float16)" in types for types in free)


def _kind(formals: Sequence[onnx.defs.OpSchema.FormalParameter], place: int) -> str:
    """The type parameter at `place`; the last one repeats where an operator takes any number."""
    return formals[min(place, len(formals) - 1)].type_str


def _float_inputs(node: ir.Node) -> Iterator[int]:
    for place, value in enumerate(node.inputs):
        if value is not None and value.dtype in (_FLOAT, _HALF):
            yield place


def _float_outputs(node: ir.Node) -> Iterator[int]:
    for place, value in enumerate(node.outputs):
        if value.dtype in (_FLOAT, _HALF):
            yield place


def _make_float16(node: ir.Node) -> None:
    """Its results are float16 from here on."""
    if node.op_type == "Cast":
        node.attributes["to"] = ir.AttrInt64("to", _HALF)
    for place in _float_outputs(node):
        node.outputs[place].type = ir.TensorType(_HALF)


def _fit_inputs(node: ir.Node, borders: _Borders, opset: int, *, wanted: ir.DataType) -> None:
    places = list(_float_inputs(node))
    if not places:
        return
    schema = onnx.defs.get_schema(node.op_type, opset, node.domain)
    for place in places:
        value = node.inputs[place]
        # some inputs are float32 whatever the others are, such as the factors of Resize
        fixed = _kind(schema.inputs, place) == "tensor(float)"
        if value is not None:
            node.replace_input_with(place, borders.give(value, _FLOAT if fixed else wanted))


def _restore_outputs(graph: ir.Graph, borders: _Borders) -> None:
    """Float16 results that leave the graph leave it as float32, under the old name."""
    for place, value in enumerate(graph.outputs):
        if value.dtype == _HALF:
            result = borders.give(value, _FLOAT)
            value.name, result.name = f"{value.name}.half", value.name
            graph.outputs[place] = result


def _drop_unread_constants(graph: ir.Graph) -> None:
    """Drop float32 constants that are read in float16 only; the rounded one takes the name."""
    for name, value in list(graph.initializers.items()):
        if value.uses() or value.is_graph_output():
            continue
        graph.initializers.pop(name)
        rounded = graph.initializers.get(f"{name}.half")
        if rounded is not None:
            graph.initializers.pop(f"{name}.half")
            rounded.name = name
            graph.register_initializer(rounded)
