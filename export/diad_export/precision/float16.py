"""Converts a float32 graph to mixed precision: float16, except for chosen nodes.

Before: a graph without subgraphs whose floating-point values are all float32 and whose types are
all known. After: the same nodes in the same order with the same names. A node computes in float16
unless it is a float32 node or ONNX defines it for float32 only. The graph's inputs and outputs are
float32 and keep their names. A value that is read in the other type has one Cast, right after the
node that produces it, and no Cast follows another. Constants have the type that their nodes read;
those that are read in both types are stored twice.
"""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import onnx
import onnx_ir as ir

from diad_deploy.errors import ExportError

_FLOAT32, _FLOAT16 = ir.DataType.FLOAT, ir.DataType.FLOAT16
_ATTRIBUTE_TYPED = frozenset(("Constant", "ConstantOfShape", "EyeLike"))
"""Operators with an attribute for the type of their result: they are not changed."""

_ANY_TYPE = frozenset(("Cast", "Shape", "Size", "IsNaN", "IsInf"))
"""Operators that read values of any type."""


def convert_to_float16(model: ir.Model, float32_nodes: Collection[ir.Node]) -> tuple[ir.Node, ...]:
    """Change `model` in place; returns the nodes that compute in float16.

    Args:
        model: see above.
        float32_nodes: nodes that stay in float32.

    Raises:
        ExportError: a node holds a subgraph, or the type of a result is not known.
    """
    graph = model.graph
    _check(graph)
    opset = graph.opset_imports.get("", 20)
    excluded = set(float32_nodes)
    # a dictionary as an ordered set
    float16_nodes = dict.fromkeys(
        node for node in graph if node not in excluded and _can_be_float16(node, opset)
    )
    casts = _Casts(graph)
    for node in float16_nodes:
        _make_float16(node)
    for node in list(graph):
        if node.op_type not in _ANY_TYPE:
            wanted = _FLOAT16 if node in float16_nodes else _FLOAT32
            _cast_inputs(node, casts, opset, wanted=wanted)
    _restore_outputs(graph, casts)
    _remove_unused_constants(graph)
    return tuple(float16_nodes)


class _Casts:
    """Gives values in float16 or float32; each value is cast or rounded only once."""

    def __init__(self, graph: ir.Graph) -> None:
        self._graph = graph
        self._made: dict[tuple[ir.Value, ir.DataType], ir.Value] = {}

    def convert(self, value: ir.Value, wanted: ir.DataType) -> ir.Value:
        """`value` in the type `wanted`; the value itself where it has that type or is no float."""
        if value.dtype == wanted or value.dtype not in (_FLOAT32, _FLOAT16):
            return value
        key = (value, wanted)
        if key not in self._made:
            constant = value.is_initializer() and wanted == _FLOAT16
            self._made[key] = self._rounded(value) if constant else self._cast(value, wanted)
        return self._made[key]

    def _rounded(self, value: ir.Value) -> ir.Value:
        tensor = value.const_value
        if tensor is None:  # for the type checker: an initializer always has a tensor
            return self._cast(value, _FLOAT16)
        name = f"{value.name}.half"
        float16 = tensor.numpy().astype(np.float16)
        rounded = ir.val(name, const_value=ir.tensor(float16, name=name))
        self._graph.register_initializer(rounded)
        return rounded

    def _cast(self, value: ir.Value, wanted: ir.DataType) -> ir.Value:
        word = "half" if wanted == _FLOAT16 else "wide"
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
                f"{node.name}: expected a node without subgraphs, found {node.op_type} with one; "
                f"build with --precision fp32"
            )
        untyped = next((value for value in node.outputs if value.dtype is None), None)
        if untyped is not None:
            raise ExportError(
                f"{node.name}: the type of its result {untyped.name} cannot be inferred; build "
                f"with --precision fp32"
            )


def _can_be_float16(node: ir.Node, opset: int) -> bool:
    """Whether the node has float32 values, and ONNX lets them be float16."""
    if node.op_type == "Cast":
        return bool(node.outputs[0].dtype == _FLOAT32)
    if node.op_type in _ATTRIBUTE_TYPED | _ANY_TYPE:
        return False
    schema = onnx.defs.get_schema(node.op_type, opset, node.domain)
    allowed = {each.type_param_str: each.allowed_type_strs for each in schema.type_constraints}
    kinds = [_kind(schema.inputs, place) for place in _float_inputs(node)]
    kinds += [_kind(schema.outputs, place) for place in _float_outputs(node)]
    # inputs and outputs without a type parameter always are float32, and do not matter here
    free = [allowed[kind] for kind in kinds if kind in allowed]
    return bool(free) and all("tensor(float16)" in types for types in free)


def _kind(formals: Sequence[onnx.defs.OpSchema.FormalParameter], place: int) -> str:
    """The type parameter at `place`; the last one is that of all variadic inputs or outputs."""
    return formals[min(place, len(formals) - 1)].type_str


def _float_inputs(node: ir.Node) -> Iterator[int]:
    for place, value in enumerate(node.inputs):
        if value is not None and value.dtype in (_FLOAT32, _FLOAT16):
            yield place


def _float_outputs(node: ir.Node) -> Iterator[int]:
    for place, value in enumerate(node.outputs):
        if value.dtype in (_FLOAT32, _FLOAT16):
            yield place


def _make_float16(node: ir.Node) -> None:
    """Make the results of `node` float16."""
    if node.op_type == "Cast":
        node.attributes["to"] = ir.AttrInt64("to", _FLOAT16)
    for place in _float_outputs(node):
        node.outputs[place].type = ir.TensorType(_FLOAT16)


def _cast_inputs(node: ir.Node, casts: _Casts, opset: int, *, wanted: ir.DataType) -> None:
    places = list(_float_inputs(node))
    if not places:
        return
    schema = onnx.defs.get_schema(node.op_type, opset, node.domain)
    for place in places:
        value = node.inputs[place]
        # some inputs are float32 in any case, such as the scales of Resize
        fixed = _kind(schema.inputs, place) == "tensor(float)"
        if value is not None:
            node.replace_input_with(place, casts.convert(value, _FLOAT32 if fixed else wanted))


def _restore_outputs(graph: ir.Graph, casts: _Casts) -> None:
    """Make float16 outputs of the graph float32 again, under their old names."""
    for place, value in enumerate(graph.outputs):
        if value.dtype == _FLOAT16:
            result = casts.convert(value, _FLOAT32)
            value.name, result.name = f"{value.name}.half", value.name
            graph.outputs[place] = result


def _remove_unused_constants(graph: ir.Graph) -> None:
    """Remove float32 constants that are only read in float16; the rounded one takes the name."""
    for name, value in list(graph.initializers.items()):
        if value.uses() or value.is_graph_output():
            continue
        graph.initializers.pop(name)
        rounded = graph.initializers.get(f"{name}.half")
        if rounded is not None:
            graph.initializers.pop(f"{name}.half")
            rounded.name = name
            graph.register_initializer(rounded)
