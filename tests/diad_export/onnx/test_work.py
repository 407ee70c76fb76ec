"""Work counted from a graph is the work that PyTorch does."""

import copy
from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch.utils.flop_counter import FlopCounterMode

from diad_deploy.bundle.folder import Bundle
from diad_deploy.errors import ExportError
from diad_export.model.diad import DiadModel
from diad_export.onnx.components import example_inputs, make_components
from diad_export.onnx.work import count_work


@pytest.mark.parametrize("batch", [1, 3])
def test_multiply_adds_are_pytorchs(
    small_bundle: Bundle, small_model: DiadModel, batch: int
) -> None:
    manifest = small_bundle.manifest
    components = make_components(
        small_model,
        image=manifest.image,
        schedule=manifest.schedule,
        fusion=manifest.fusion,
        only_mid_control=manifest.only_mid_control,
    )
    for component in components:
        # without memory: on the CPU PyTorch does not count its fused attention
        inputs = [value.to("meta") for value in example_inputs(component, batch=batch)]
        module = copy.deepcopy(component.module).to("meta")
        with torch.no_grad(), FlopCounterMode(display=False) as flops:
            module(*inputs)
        graph = small_bundle.path / manifest.graph(component.name).file
        assert 2 * count_work(graph, batch=batch).multiply_adds == flops.get_total_flops()


def test_operators_and_constants_are_counted(tmp_path: Path) -> None:
    path = save_product(tmp_path, ["batch", 5], transposed=False)
    work = count_work(path, batch=2)
    assert work.operators == {"Gemm": 1, "Relu": 1}
    assert (work.initialisers, work.constants, work.multiply_adds) == (1, 15, 2 * 5 * 3)


def test_a_transposed_product_counts_its_rows(tmp_path: Path) -> None:
    path = save_product(tmp_path, [5, "batch"], transposed=True)
    assert count_work(path, batch=2).multiply_adds == 2 * 5 * 3


def test_a_shape_that_cannot_be_inferred_is_named(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("NonZero", ["x"], ["places"]),
        helper.make_node("Cast", ["places"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["x", "numbers"], ["product"]),
    ]
    path = save(tmp_path, nodes, ["batch", 2], [])
    with pytest.raises(ExportError, match="'numbers'"):
        count_work(path)


def save_product(folder: Path, shape: list[int | str], *, transposed: bool) -> Path:
    weight = helper.make_tensor("weight", TensorProto.FLOAT, [5, 3], [0.5] * 15)
    nodes = [
        helper.make_node("Gemm", ["x", "weight"], ["y"], transA=int(transposed)),
        helper.make_node("Relu", ["y"], ["product"]),
    ]
    return save(folder, nodes, shape, [weight])


def save(
    folder: Path,
    nodes: list[onnx.NodeProto],
    shape: list[int | str],
    weights: list[onnx.TensorProto],
) -> Path:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("product", TensorProto.FLOAT, None)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    path = folder / "graph.onnx"
    onnx.save(model, path)
    return path
