"""The limit is the longer of arithmetic and reading, product by product."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from diad_benchmarks.measure.floor import CountedGraph, count_bundle, limit
from diad_benchmarks.report.predictions import DATA_SHEETS, predict
from diad_deploy.bundle.folder import Bundle
from diad_export.onnx.work import ProductWork, count_products, count_work


def product(multiply_adds: int, weights: int) -> ProductWork:
    return ProductWork(
        operator="MatMul", multiply_adds=multiply_adds, weights=weights, activations=1
    )


def test_each_product_is_bound_by_one_of_both() -> None:
    computing, reading = product(1000, 1), product(1, 1000)
    graphs = [CountedGraph(name="denoiser", runs=3, products=(computing, reading))]
    found = limit(graphs, flops=2.0, bytes_per_s=4.0, precision="float32")
    assert found.seconds == pytest.approx(3 * (1000 + 1000))
    assert found.arithmetic_s == pytest.approx(3 * 1001)
    assert found.weights_s == pytest.approx(3 * 1001)
    halved = limit(graphs, flops=2.0, bytes_per_s=4.0, precision="float16")
    assert halved.seconds == pytest.approx(3 * (1000 + 500))
    # arithmetic is done for each image, weights are read once
    four = limit(graphs, flops=2.0, bytes_per_s=4.0, precision="float32", times=4)
    assert four.seconds == pytest.approx(3 * (4000 + 1000))


def test_weights_and_activations_of_a_graph(tmp_path: Path) -> None:
    """A weight behind a cast is a weight; a product of two inputs has none."""
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["stored"], ["weight"], to=TensorProto.FLOAT),
            helper.make_node("MatMul", ["x", "weight"], ["y"]),
            helper.make_node("Transpose", ["y"], ["turned"], perm=[1, 0]),
            helper.make_node("MatMul", ["y", "turned"], ["z"]),
        ],
        "two",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 5])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", "batch"])],
        [numpy_helper.from_array(np.zeros((5, 7), np.float16), "stored")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    path = tmp_path / "two.onnx"
    onnx.save(model, path)
    first, second = count_products(path, batch=2)
    assert (first.multiply_adds, first.weights, first.activations) == (70, 35, 10 + 14)
    assert (second.multiply_adds, second.weights, second.activations) == (28, 0, 14 + 14 + 4)


def test_a_bundle_is_counted_with_its_steps(small_bundle: Bundle) -> None:
    for graph in count_bundle(small_bundle, batch=2):
        path = small_bundle.path / small_bundle.manifest.graph(graph.name).file
        assert graph.runs == (2 if graph.name == "denoiser" else 1)
        work = count_work(path, batch=2)
        assert graph.count().flop == 2.0 * graph.runs * work.multiply_adds
        # the extractor sees two images, one after the other
        reads = 2 if graph.name == "scorer" else 1
        assert 0 < graph.count().weights <= reads * work.constants


def test_predictions_are_the_data_sheets_limit() -> None:
    graphs = [CountedGraph(name="encoder", runs=1, products=(product(10**12, 1),))]
    found = {(p.gpu, p.batch): p for p in predict({1: graphs, 8: graphs})}
    assert len(found) == 2 * len(DATA_SHEETS)
    fastest = found["H100 SXM", 8]
    assert fastest.least_ms == pytest.approx(2e15 / 989e12)
    assert fastest.most_pictures_per_s == pytest.approx(8 * 989e12 / 2e12)
