"""An engine that does not have the requested types is an error."""

import pytest

from diad_deploy.errors import ExportError
from diad_export.engines.heavy_nodes import HeavyNodes
from diad_export.engines.layers import Layer
from diad_export.engines.type_proof import check_types, summarize

CONV = HeavyNodes(float16=("node_conv",), float32=())


def layer(name: str, kind: str, *types: str, nodes: tuple[str, ...] = ()) -> Layer:
    return Layer(name=name, kind=kind, types=types, nodes=nodes)


def test_a_float16_convolution_passes_with_a_layer_that_pads_its_input() -> None:
    layers = (
        layer("__myl_CastConc_1", "kgen", "float32", "float32", nodes=("node_conv",)),
        layer("__myl_CorrSilu_2", "runtime_fusion", "float16", "float16", nodes=("node_conv",)),
    )
    check_types("encoder", "float16", CONV, layers, float32_allowed=False)
    assert summarize(layers).by_type == {"float16": 1, "float32": 1}


@pytest.mark.parametrize(
    ("name", "nodes"), [("x", ("node_conv", "node_add")), ("node_conv_myl0_3", ())]
)
def test_a_float16_node_computed_in_float32_is_named(name: str, nodes: tuple[str, ...]) -> None:
    layers = (
        layer("cast", "kgen", "float16", "float32", nodes=("node_conv",)),
        layer(name, "correlation", "float32", "float32", nodes=nodes),
    )
    with pytest.raises(ExportError, match=r"1 convolution or product \(node_conv.*in float32"):
        check_types("encoder", "float16", CONV, layers, float32_allowed=False)


def test_a_node_named_by_float32_layers_only_is_an_error() -> None:
    layers = (layer("fused", "kgen", "float32", "float32", nodes=("node_conv",)),)
    with pytest.raises(ExportError, match="node_conv"):
        check_types("encoder", "float16", CONV, layers, float32_allowed=False)


def test_float32_nodes_pass_only_if_the_manifest_lists_them() -> None:
    nodes = HeavyNodes(float16=("node_conv",), float32=("node_matmul",))
    layers = (layer("node_conv", "correlation", "float16", "float16"),)
    check_types("scorer", "float16", nodes, layers, float32_allowed=True)
    with pytest.raises(ExportError, match="node_matmul"):
        check_types("scorer", "float16", nodes, layers, float32_allowed=False)
    alone = HeavyNodes(float16=(), float32=("node_matmul",))
    with pytest.raises(ExportError, match="node_matmul"):
        check_types("scorer", "float16", alone, layers, float32_allowed=True)


def test_unreadable_types_are_an_error() -> None:
    with pytest.raises(ExportError, match="cannot be read back"):
        check_types("encoder", "float32", CONV, (), float32_allowed=False)
    layers = (layer("other", "kgen", "float16", "float16"),)
    with pytest.raises(ExportError, match="their types are unknown"):
        check_types("encoder", "float16", CONV, layers, float32_allowed=False)
