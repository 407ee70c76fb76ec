"""3 x 3 convolutions as Winograd's products: the same numbers from fewer multiplications.

Before: a float32 graph, its convolutions as exported. After: the same, but every 3 x 3 convolution
that is faster so on a processor (`winograd_tiles.choose_tile`) is made of nodes that read its input
in overlapping tiles, multiply them with the filters' factors, and put the results together. A
filter's factors take its place in the file: 36, 16 or 9 numbers where 9 were.

Sums are in another order and go through larger numbers: results are off by 2e-6 of their norm,
where a plain convolution in float32 is off by 3e-7. Libraries for GPUs choose such algorithms on
their own, from the convolutions that this takes away.
"""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from diad_deploy.errors import ExportError
from diad_export.onnx.winograd_tiles import Tile, choose_tile

_MANY_TILES = 256
"""From so many on a batch of matrix products is faster than a grouped convolution."""


def use_winograd(model: ir.Model) -> int:
    """Change `model` in place; returns the number of convolutions that were replaced."""
    rewriter = _Rewriter(model.graph)
    for node in list(model.graph):
        tile = _tile_of(node)
        if tile is not None:
            rewriter.replace(node, tile)
    rewriter.drop_unread_weights()
    return rewriter.replaced


def _tile_of(conv: ir.Node) -> Tile | None:
    """The tile of a convolution that can be replaced, and should be."""
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
    """A margin of one cell, all channels together, no holes, one stride both ways."""
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
    """Replaces convolutions of one graph; what several need is in it once."""

    def __init__(self, graph: ir.Graph) -> None:
        self._graph = graph
        self._constants: dict[tuple[object, ...], ir.Value] = {}
        self._factors: dict[str, ir.Value] = {}
        self._weights: list[ir.Value] = []
        self.replaced = 0

    def replace(self, conv: ir.Node, tile: Tile) -> None:
        """Put other nodes in the place of `conv`."""
        image, weight, *rest = conv.inputs
        if image is None or weight is None:
            raise ExportError(f"{conv.name}: expected a convolution's image and filters")
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

    def drop_unread_weights(self) -> None:
        """Filters that only replaced convolutions read are no part of the graph any more."""
        for weight in self._weights:
            if not weight.uses():
                self._graph.initializers.pop(str(weight.name), None)

    def _convolve(
        self, nodes: "_Nodes", image: ir.Value, weight: ir.Value, conv: ir.Node, tile: Tile
    ) -> ir.Value:
        """`[B, C, H, W]` and filters `[K, C, 3, 3]` -> `[B, K, H / stride, W / stride]`."""
        _, channels, height, width = _sizes(image)
        filters, products, stride = _sizes(weight)[0], tile.products, _stride(conv)
        rows, columns = height // stride // tile.results, width // stride // tile.results
        # every channel apart: what each of its tiles gives to each product
        apart = nodes.add("Reshape", image, self._numbers(-1, 1, height, width))
        read = nodes.add(
            "Conv",
            apart,
            self._constant(tile.read_kernel()),
            strides=[tile.results * stride] * 2,
            pads=[1, 1, 1, 1],
        )
        each = nodes.add("Reshape", read, self._numbers(-1, channels, products, rows * columns))
        tiles = nodes.add("Transpose", each, perm=[0, 2, 1, 3])
        if rows * columns > _MANY_TILES:
            factors = self._filter_factors(weight, tile, (products, filters, channels))
            made = nodes.add("MatMul", factors, tiles)
        else:
            sides = self._numbers(0, products * channels, rows, columns)
            factors = self._filter_factors(weight, tile, (products * filters, channels, 1, 1))
            made = nodes.add("Conv", nodes.add("Reshape", tiles, sides), factors, group=products)
        # all channels, one below the other, are one image that one filter puts together
        tall = nodes.add("Reshape", made, self._numbers(0, products, filters * rows, columns))
        gathered = nodes.add(
            "ConvTranspose",
            tall,
            self._constant(tile.gather_kernel()),
            strides=[tile.results, tile.results],
        )
        return nodes.add(
            "Reshape", gathered, self._numbers(0, filters, height // stride, width // stride)
        )

    def _filter_factors(self, weight: ir.Value, tile: Tile, shape: tuple[int, ...]) -> ir.Value:
        """The factors `[n², K, C]` in `shape`.

        Made when they are read: those of a large graph need not be in memory together.
        """
        name = f"{weight.name}.winograd.{tile.results}.{len(shape)}"
        tensor = weight.const_value
        if name in self._factors:
            return self._factors[name]
        if tensor is None:
            raise ExportError(f"{weight.name}: expected filters that are constants")
        lazy = ir.LazyTensor(
            lambda: ir.tensor(tile.filter_factors(tensor.numpy()).reshape(shape), name=name),
            dtype=ir.DataType.FLOAT,
            shape=ir.Shape(shape),
            name=name,
        )
        self._weights.append(weight)
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
        value = ir.Value(
            name=name,
            shape=ir.Shape(tensor.shape.numpy()),
            type=ir.TensorType(tensor.dtype),
            const_value=tensor,
        )
        self._graph.register_initializer(value)
        return value


class _Nodes:
    """Nodes in the place of one; `made` holds them in the order in which they run."""

    def __init__(self, name: str) -> None:
        self._name, self._tape = name, Tape()

    @property
    def made(self) -> Sequence[ir.Node]:
        """All so far."""
        return self._tape.nodes

    def add(self, kind: str, *inputs: ir.Value, **attributes: int | list[int]) -> ir.Value:
        """One more node; its result."""
        name = f"{self._name}.winograd.{len(self._tape.nodes)}"
        result = self._tape.op(kind, inputs, attributes, name=name)
        result.name, result.type = name, ir.TensorType(ir.DataType.FLOAT)
        return result


def _sizes(value: ir.Value) -> tuple[int, ...]:
    """A shape's numbers; 0 where the batch is free."""
    return tuple(size if isinstance(size, int) else 0 for size in value.shape or ())
