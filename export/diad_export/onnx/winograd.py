"""Rewrites 3 x 3 convolutions to Winograd's minimal filtering, which needs fewer multiplications.

Before: a float32 graph as exported. After: each 3 x 3 convolution that is faster this way on a CPU
(`winograd_tiles.choose_tile`) is replaced by nodes that read its input in overlapping tiles,
multiply them with factors of the filters, and gather the results. The file holds a filter's factors
in place of the filter: 36, 16 or 9 numbers for 9.

Sums run in another order and over larger numbers: the relative error against float64 is 2e-6, and
3e-7 for a plain convolution in float32. Libraries for GPUs choose such algorithms themselves, and
need the plain convolutions for that.
"""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass
from onnx_ir.tape import Tape

from diad_deploy.errors import ExportError
from diad_export.onnx.winograd_tiles import Tile, choose_tile

_MANY_TILES = 256
"""With more tiles, a batch of matrix products is faster than a grouped convolution."""


def use_winograd(model: ir.Model) -> int:
    """Change `model` in place; returns the number of convolutions that were replaced."""
    rewriter = _Rewriter(model.graph)
    for node in list(model.graph):
        tile = _tile_of(node)
        if tile is not None:
            rewriter.replace(node, tile)
    # filters that only the replaced convolutions read
    RemoveUnusedNodesPass()(model)
    return rewriter.replaced


def _tile_of(conv: ir.Node) -> Tile | None:
    """The tile for a convolution that should be replaced; None for any other node."""
    if conv.op_type != "Conv" or not _is_plain(conv):
        return None
    image, weight = conv.inputs[:2]
    if image is None or weight is None or weight.const_value is None:
        return None
    if image.dtype != ir.DataType.FLOAT or image.shape is None or weight.shape is None:
        return None
    match tuple(image.shape), tuple(weight.shape):
        case (_, int(), int() as height, int() as width), (int() as out, int() as into, 3, 3):
            stride = _stride(conv)
            if height % stride or width % stride:
                return None
            return choose_tile((into, out), (height // stride, width // stride), stride)
    return None


def _is_plain(conv: ir.Node) -> bool:
    """Padding of one cell, one group, no dilation, the same stride along both axes."""
    found = conv.attributes
    return (
        found.get_string("auto_pad", "NOTSET") == "NOTSET"
        and found.get_int("group", 1) == 1
        and set(found.get_ints("dilations", [1]) or ()) == {1}
        and set(found.get_ints("pads", [0]) or ()) == {1}
        and len(set(found.get_ints("strides", [1]) or ())) == 1
    )


def _stride(conv: ir.Node) -> int:
    return int((conv.attributes.get_ints("strides", [1]) or [1])[0])


class _Rewriter:
    """Replaces convolutions of one graph; constants that several of them need are shared."""

    def __init__(self, graph: ir.Graph) -> None:
        self._graph = graph
        self._constants: dict[tuple[object, ...], ir.Value] = {}
        self._factors: dict[str, ir.Value] = {}
        self.replaced = 0

    def replace(self, conv: ir.Node, tile: Tile) -> None:
        """Replace `conv`."""
        image, weight, *rest = conv.inputs
        if image is None or weight is None:
            raise ExportError(f"{conv.name}: expected a convolution with an image and filters")
        old = conv.outputs[0]
        nodes = _Nodes(str(old.name))
        result = self._convolve(nodes, image, weight, conv, tile)
        if rest and rest[0] is not None:
            shaped = nodes.add("Reshape", rest[0], self._numbers(-1, 1, 1))
            result = nodes.add("Add", result, shaped)
        name, result.shape, result.type = old.name, old.shape, old.type
        ir.convenience.replace_nodes_and_values(
            self._graph, conv, [conv], nodes.made, [old], [result]
        )
        result.name = name
        self.replaced += 1

    def _convolve(
        self, nodes: "_Nodes", image: ir.Value, weight: ir.Value, conv: ir.Node, tile: Tile
    ) -> ir.Value:
        """`[B, C, H, W]` and filters `[K, C, 3, 3]` -> `[B, K, H / stride, W / stride]`."""
        _, channels, height, width = _sizes(image)
        filters, products, stride = _sizes(weight)[0], tile.products, _stride(conv)
        rows, columns = height // stride // tile.results, width // stride // tile.results
        # each channel by itself: the factors that its tiles have in each product
        single = nodes.add("Reshape", image, self._numbers(-1, 1, height, width))
        read = nodes.add(
            "Conv",
            single,
            self._constant(tile.read_kernel()),
            strides=[tile.results * stride] * 2,
            pads=[1, 1, 1, 1],
        )
        split = nodes.add("Reshape", read, self._numbers(-1, channels, products, rows * columns))
        tiles = nodes.add("Transpose", split, perm=[0, 2, 1, 3])
        if rows * columns > _MANY_TILES:
            factors = self._filter_factors(weight, tile, (products, filters, channels))
            made = nodes.add("MatMul", factors, tiles)
        else:
            sides = self._numbers(0, products * channels, rows, columns)
            factors = self._filter_factors(weight, tile, (products * filters, channels, 1, 1))
            made = nodes.add("Conv", nodes.add("Reshape", tiles, sides), factors, group=products)
        # the channels stacked to one tall image, which one filter gathers
        stacked = nodes.add("Reshape", made, self._numbers(0, products, filters * rows, columns))
        gathered = nodes.add(
            "ConvTranspose",
            stacked,
            self._constant(tile.gather_kernel()),
            strides=[tile.results, tile.results],
        )
        return nodes.add(
            "Reshape", gathered, self._numbers(0, filters, height // stride, width // stride)
        )

    def _filter_factors(self, weight: ir.Value, tile: Tile, shape: tuple[int, ...]) -> ir.Value:
        """The factors `[n², K, C]`, reshaped to `shape`.

        They are computed when they are written, so that those of a large graph are never in memory
        together.
        """
        name = f"{weight.name}.winograd.{tile.results}.{len(shape)}"
        tensor = weight.const_value
        if name in self._factors:
            return self._factors[name]
        if tensor is None:
            raise ExportError(f"{weight.name}: expected constant filters")
        lazy = ir.LazyTensor(
            lambda: ir.tensor(tile.filter_factors(tensor.numpy()).reshape(shape), name=name),
            dtype=ir.DataType.FLOAT,
            shape=ir.Shape(shape),
            name=name,
        )
        self._factors[name] = self._register(lazy, name)
        return self._factors[name]

    def _numbers(self, *numbers: int) -> ir.Value:
        return self._constant(np.asarray(numbers, dtype=np.int64))

    def _constant(self, array: np.ndarray) -> ir.Value:
        key = (array.dtype, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"winograd.constant.{len(self._constants)}"
            self._constants[key] = self._register(ir.tensor(array, name=name), name)
        return self._constants[key]

    def _register(self, tensor: ir.TensorProtocol, name: str) -> ir.Value:
        value = ir.val(name, const_value=tensor)
        self._graph.register_initializer(value)
        return value


class _Nodes:
    """The nodes that replace one node, in the order in which they run (`made`)."""

    def __init__(self, name: str) -> None:
        self._name, self._tape = name, Tape()

    @property
    def made(self) -> Sequence[ir.Node]:
        """All nodes added so far."""
        return self._tape.nodes

    def add(self, kind: str, *inputs: ir.Value, **attributes: int | list[int]) -> ir.Value:
        """Add a node; returns its result."""
        name = f"{self._name}.winograd.{len(self._tape.nodes)}"
        result = self._tape.op(kind, inputs, attributes, name=name)
        result.name, result.type = name, ir.TensorType(ir.DataType.FLOAT)
        return result


def _sizes(value: ir.Value) -> tuple[int, ...]:
    """The sizes of a value's dimensions; 0 for a dynamic one."""
    return tuple(size if isinstance(size, int) else 0 for size in value.shape or ())
