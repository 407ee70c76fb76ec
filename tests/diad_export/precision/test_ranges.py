"""The largest values over all runs are those that NumPy finds."""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from diad_deploy.errors import ExportError
from diad_export.peak_memory import watch_memory
from diad_export.precision.ranges import TracedGraph, write_traced
from tests.diad_export.onnx.small_graphs import multiplying, run

FIRST = np.float32([1.0, -2.0, 0.5])
SECOND = np.float32([10.0, -4.0, 3.0])


def typed(model: ir.Model) -> ir.Model:
    """The same with every result's type known, as the exporter gives it."""
    return ir.from_proto(onnx.shape_inference.infer_shapes(ir.to_proto(model)))


def test_ranges_and_outputs_over_two_runs(tmp_path: Path) -> None:
    model = typed(multiplying(first=FIRST, second=SECOND))
    observed = TracedGraph(model, write_traced(model, "graph", tmp_path))
    feeds = [np.float32([1.0, 1.0, 1.0]), np.float32([0.0, -0.5, 6.0])]
    for x in feeds:
        [found] = observed.run({"x": x})
        assert np.array_equal(found, run(model, x))
    assert observed.ranges == {
        "first": 2.0,
        "second": 10.0,
        "x": 6.0,
        "after_first": 3.0,
        "after_second": 10.0,
    }


def test_the_model_is_unchanged(tmp_path: Path) -> None:
    model = multiplying(first=FIRST)
    write_traced(model, "graph", tmp_path)
    assert [value.name for value in model.graph.outputs] == ["after_first"]
    assert len(model.graph) == 1


def test_weights_are_external_data(tmp_path: Path) -> None:
    model = multiplying(first=np.ones(100_000, dtype=np.float32))
    path = write_traced(model, "graph", tmp_path)
    assert path.stat().st_size < 10_000
    assert path.with_name("graph.onnx.data").stat().st_size >= 400_000


@pytest.mark.parametrize("wrong", [np.inf, np.nan])
def test_values_that_are_not_finite_are_named(tmp_path: Path, wrong: float) -> None:
    model = multiplying(first=np.float32([1.0, wrong, 1.0]))
    observed = TracedGraph(model, write_traced(model, "graph", tmp_path))
    with pytest.raises(ExportError, match=r"graph: expected finite numbers .* at after_first"):
        observed.run({"x": np.ones(3, dtype=np.float32)})


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted on Linux")
def test_results_are_measured_and_freed_one_by_one(tmp_path: Path) -> None:
    count, size = 40, 1_000_000
    names = ["x", *(f"v{place}" for place in range(count))]
    nodes = [helper.make_node("Sin", [a], [b]) for a, b in pairwise(names)]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"])
        for name in (names[0], names[-1])
    ]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 20)]
    model = typed(ir.from_proto(helper.make_model(graph, opset_imports=opsets, ir_version=10)))
    observed = TracedGraph(model, write_traced(model, "chain", tmp_path))
    x = np.ones(size, dtype=np.float32)
    with watch_memory() as before:
        pass
    with watch_memory(0.002) as peak:
        observed.run({"x": x})
    assert len(observed.ranges) == count + 1
    # all results in memory would be a tensor of the size of x for each node
    assert peak.own_bytes - before.own_bytes < count * x.nbytes // 3
