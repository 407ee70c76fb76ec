"""The types in an ONNX graph, inferred from its nodes alone."""

import onnx
import onnx_ir as ir


def inferred(model: onnx.ModelProto) -> dict[str, int]:
    """ONNX's type of every value, by name; raises where a node's types contradict each other."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    onnx.checker.check_model(bare)
    found = onnx.shape_inference.infer_shapes(
        bare, check_type=True, strict_mode=True, data_prop=True
    ).graph
    types = {tensor.name: tensor.data_type for tensor in found.initializer}
    for value in (*found.input, *found.value_info, *found.output):
        types[value.name] = value.type.tensor_type.elem_type
    missing = [name for node in found.node for name in node.output if name and name not in types]
    assert not missing
    return types


def types_of(model: ir.Model) -> dict[str, int]:
    """The same, of a graph in memory."""
    return inferred(ir.to_proto(model))


def cast_pairs(model: ir.Model) -> list[str]:
    """Casts that read the result of another cast, or repeat one."""
    casts = [node for node in model.graph if node.op_type == "Cast"]
    chained = [
        str(cast.name)
        for cast in casts
        if cast.inputs[0] is not None
        and (producer := cast.inputs[0].producer()) is not None
        and producer.op_type == "Cast"
    ]
    targets = [(cast.inputs[0], cast.attributes["to"].value) for cast in casts]
    return chained + [str(value) for value, to in targets if targets.count((value, to)) > 1]
