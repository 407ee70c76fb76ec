"""A float16 graph as one that computes in float32 and rounds as float16 would: for CPUs.

ONNX Runtime's CPU has no float16 kernels for most operators. It computes them in float32 between
casts, and takes casts that undo each other away, so values that go from one float16 node to the
next are never rounded there. Casts that stand in the graph itself it keeps. So here every float16
result is computed in float32, cast to float16, and read through a cast back: rounded to 11 bits,
to zero or to subnormals where it is small, to infinity beyond 65504.

What it cannot show: the order in which a GPU sums. Sums inside a convolution or a matrix product
are float32 here, as on tensor cores; a GPU that fuses neighbours rounds less often.
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
"""Operators whose result has the type that an attribute names, whatever they read."""

_ANY_TYPE = frozenset(("Cast", "Shape", "Size", "IsNaN", "IsInf"))
"""Operators that read a value in whichever type it has."""


def write_rounded(path: Path, folder: Path) -> Path:
    """Write the graph at `path` to `folder`, under its name, rounding every float16 value.

    Inputs, outputs and names stay; a graph without float16 nodes stays as it is. Weights in a
    file of their own are linked, or copied where they cannot be.

    Raises:
        ExportError: ONNX refuses the graph.
    """
    model = onnx.load(path, load_external_data=False)
    types = _types(infer_types(model, path).graph)
    halves = {name for name, kind in types.items() if kind == TensorProto.FLOAT16}
    nodes = [*_widened_constants(model, halves), *_rounded_nodes(model, halves)]
    _drop_unread_casts(nodes, {value.name for value in model.graph.output})
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


def _widened_constants(model: onnx.ModelProto, halves: set[str]) -> Iterator[onnx.NodeProto]:
    for tensor in model.graph.initializer:
        if tensor.name in halves:
            yield _cast(tensor.name, f"{tensor.name}{_READ}", TensorProto.FLOAT)


def _rounded_nodes(model: onnx.ModelProto, halves: set[str]) -> Iterator[onnx.NodeProto]:
    for node in model.graph.node:
        rounded = onnx.NodeProto()
        rounded.CopyFrom(node)
        if node.op_type not in _ANY_TYPE:
            rounded.input[:] = [f"{name}{_READ}" if name in halves else name for name in node.input]
        own = [name for name in node.output if name in halves]
        if node.op_type not in _TYPED:
            rounded.output[:] = [
                f"{name}{_EXACT}" if name in halves else name for name in node.output
            ]
        yield rounded
        for name in own:
            if node.op_type not in _TYPED:
                yield _cast(f"{name}{_EXACT}", name, TensorProto.FLOAT16)
            yield _cast(name, f"{name}{_READ}", TensorProto.FLOAT)


def _cast(source: str, result: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [result], name=f"{result}.cast", to=kind)


def _drop_unread_casts(nodes: list[onnx.NodeProto], outputs: set[str]) -> None:
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


def _link(source: Path, place: Path) -> None:
    try:
        os.link(source.resolve(), place)  # of a link, its file
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, place)
