"""Emulates a float16 graph on a CPU: computes in float32 and rounds every result to float16.

ONNX Runtime's CPU has no float16 kernels for most operators. It computes them in float32 between
casts and removes casts that cancel out, so values between two float16 nodes are never rounded. It
keeps casts that are part of the graph. Here every float16 result is computed in float32, cast to
float16, and read through a cast to float32: rounded to 11 bits, to subnormals or zero where it is
small, and to infinity beyond 65504.

The order in which a GPU sums is not emulated. Sums inside a convolution or matrix product are
float32, as on tensor cores, and a GPU that fuses nodes rounds less often.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from diad_export.onnx.inferred_types import infer_types

_READ = ".rounded"
_EXACT = ".unrounded"

_TYPED = frozenset(("Cast", "Constant", "ConstantOfShape", "EyeLike"))
"""Operators with an attribute for the type of their result."""

_ANY_TYPE = frozenset(("Cast", "Shape", "Size", "IsNaN", "IsInf"))
"""Operators that read values of any type."""


def write_emulated(path: Path, folder: Path) -> Path:
    """Write the emulation of the graph at `path` to `folder`, under the same file name.

    Inputs, outputs and names of values stay the same, and so does a graph without float16 nodes.
    External data is linked, or copied where the file system has no links.

    Raises:
        ExportError: ONNX rejects the graph.
    """
    model = onnx.load(path, load_external_data=False)
    types = _types(infer_types(model, path).graph)
    float16 = {name for name, kind in types.items() if kind == TensorProto.FLOAT16}
    nodes = [*_read_constants(model, float16), *_rounded_nodes(model, float16)]
    _remove_unread_casts(nodes, {value.name for value in model.graph.output})
    del model.graph.node[:]
    del model.graph.value_info[:]
    model.graph.node.extend(nodes)
    for name in sorted(_weight_files(model)):
        _link(path.with_name(name), folder / name)
    written = folder / path.name
    onnx.save(model, written)
    return written


def _types(graph: onnx.GraphProto) -> dict[str, int]:
    types = {
        value.name: value.type.tensor_type.elem_type
        for value in (*graph.value_info, *graph.input, *graph.output)
    }
    return types | {tensor.name: tensor.data_type for tensor in graph.initializer}


def _read_constants(model: onnx.ModelProto, float16: set[str]) -> Iterator[onnx.NodeProto]:
    for tensor in model.graph.initializer:
        if tensor.name in float16:
            yield _cast(tensor.name, f"{tensor.name}{_READ}", TensorProto.FLOAT)


def _rounded_nodes(model: onnx.ModelProto, float16: set[str]) -> Iterator[onnx.NodeProto]:
    for node in model.graph.node:
        rounded = onnx.NodeProto()
        rounded.CopyFrom(node)
        if node.op_type not in _ANY_TYPE:
            rounded.input[:] = [
                f"{name}{_READ}" if name in float16 else name for name in node.input
            ]
        results = [name for name in node.output if name in float16]
        if node.op_type not in _TYPED:
            rounded.output[:] = [
                f"{name}{_EXACT}" if name in float16 else name for name in node.output
            ]
        yield rounded
        for name in results:
            if node.op_type not in _TYPED:
                yield _cast(f"{name}{_EXACT}", name, TensorProto.FLOAT16)
            yield _cast(name, f"{name}{_READ}", TensorProto.FLOAT)


def _cast(source: str, result: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [result], name=f"{result}.cast", to=kind)


def _remove_unread_casts(nodes: list[onnx.NodeProto], outputs: set[str]) -> None:
    read = {name for node in nodes for name in node.input} | outputs
    nodes[:] = [
        node for node in nodes if not (node.output[0].endswith(_READ)) or node.output[0] in read
    ]


def _weight_files(model: onnx.ModelProto) -> set[str]:
    return {
        entry.value
        for tensor in model.graph.initializer
        for entry in tensor.external_data
        if entry.key == "location"
    }


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
