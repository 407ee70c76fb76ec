"""Measures the largest absolute value of each tensor in a float32 graph on real inputs."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from onnx import TensorProto, helper

from diad_deploy.arrays import FloatArray
from diad_deploy.errors import ExportError
from diad_export.onnx.parity import open_session

Inputs = Mapping[str, FloatArray]
"""A graph's inputs by name."""
Ranges = Mapping[str, float]
"""Name of a tensor -> its largest absolute value."""

_LARGEST = ".largest_abs"


def write_traced(model: ir.Model, name: str, folder: Path) -> Path:
    """Write `model` to `folder` with another scalar output for each float32 result of a node.

    Weights are external data, so that a graph of any size can be loaded.
    """
    path = folder / f"{name}.onnx"
    ir.save(model, path, external_data=f"{path.name}.data")
    proto = onnx.load(path, load_external_data=False)
    results = frozenset(_float_results(model))
    nodes = list(proto.graph.node)
    del proto.graph.node[:]
    for node in nodes:
        proto.graph.node.append(node)
        for value in node.output:
            if value in results:
                # right after it: at the end of the graph, all results would stay in memory
                proto.graph.node.extend(_measured(value))
                proto.graph.output.append(
                    helper.make_tensor_value_info(f"{value}{_LARGEST}", TensorProto.FLOAT, [])
                )
    onnx.save(proto, path)
    return path


def _measured(value: str) -> tuple[onnx.NodeProto, onnx.NodeProto]:
    absolute = f"{value}.abs"
    return (
        helper.make_node("Abs", [value], [absolute]),
        helper.make_node("ReduceMax", [absolute], [f"{value}{_LARGEST}"], keepdims=0),
    )


class TracedGraph:
    """A graph that `write_traced` wrote for `model`, on ONNX Runtime's CPU.

    Attributes:
        ranges: largest absolute value of each float32 input, constant and result in all runs.
    """

    def __init__(self, model: ir.Model, path: Path) -> None:
        self._name = path.stem
        self._session = open_session(path)
        self._names = [value.name for value in self._session.get_outputs()]
        self._own = len(model.graph.outputs)
        self.ranges: dict[str, float] = dict(_constants(model))

    def run(self, inputs: Inputs) -> tuple[FloatArray, ...]:
        """Run the graph once and update `ranges`; returns the outputs of `model`.

        Raises:
            ExportError: a value is NaN or infinite.
        """
        results = self._session.run(None, dict(inputs))
        largest = {name: float(np.abs(value).max(initial=0.0)) for name, value in inputs.items()}
        largest |= {
            name.removesuffix(_LARGEST): float(value)
            for name, value in zip(self._names[self._own :], results[self._own :], strict=True)
        }
        # NumPy's maximum keeps NaN, where ONNX Runtime's ignores it; a NaN reaches the outputs
        own = zip(self._names[: self._own], results[: self._own], strict=True)
        largest |= {name: float(np.abs(value).max(initial=0.0)) for name, value in own}
        _check_finite(largest, self._name)
        for name, value in largest.items():
            self.ranges[name] = max(value, self.ranges.get(name, 0.0))
        return tuple(results[: self._own])


def _float_results(model: ir.Model) -> Iterator[str]:
    for node in model.graph:
        for value in node.outputs:
            if value.dtype == ir.DataType.FLOAT and value.name:
                yield value.name


def _constants(model: ir.Model) -> Iterator[tuple[str, float]]:
    for name, value in model.graph.initializers.items():
        if value.const_value is not None and value.dtype == ir.DataType.FLOAT:
            yield name, float(np.abs(value.const_value.numpy()).max(initial=0.0))


def _check_finite(ranges: Ranges, graph: str) -> None:
    wrong = [name for name, value in ranges.items() if not np.isfinite(value)]
    if wrong:
        raise ExportError(
            f"{graph}: expected finite numbers on the calibration images in float32, found "
            f"{ranges[wrong[0]]} at {wrong[0]}; the checkpoint's weights are damaged, or its "
            f"training diverged"
        )
