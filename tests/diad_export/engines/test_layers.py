"""Layers are read from TensorRT's log and from its inspector."""

import json

from diad_export.engines.layers import layers_from_inspector, layers_from_log

TENSOR = "{{ Name: {0}, Dimensions: [1,96,16,16], Strides: [24576,1,1536,96], Datatype: {1} }}"
HALF, FLOAT = TENSOR.format("a", "Half"), TENSOR.format("b", "Float")

LOG = "\n".join(
    (
        "Layers:",
        f"Name: node_conv2d_myl0_13, LayerType: correlation, Inputs: [ {HALF}, {HALF}], "
        f"Constants: [ {FLOAT}, {FLOAT}], Outputs: [ {HALF}], TacticName: x, StreamId: 0, "
        f"Metadata: [ONNX Layer: node_conv2d][ONNX Layer: node_add_5]",
        "Name: entry^bb^signal^2_myl0_0, LayerType: signal, Inputs: [], Constants: [], "
        "Outputs: [], TacticName: , StreamId: 0, EventId: 5, Metadata: ",
        f"Name: _gemm_mha_v2_myl0_72, LayerType: kgen, Inputs: [ {HALF}], Outputs: [ {HALF}], "
        f"TacticName: t",
        f"Name: __myl_Cast_myl0_1, LayerType: kgen, Inputs: [ {FLOAT}], Constants: [], "
        f"Outputs: [ {HALF}], TacticName: , StreamId: 0, Metadata: ",
        f"Name: shapes_myl0_1, LayerType: kgen, Inputs: [ {TENSOR.format('c', 'Int64')}], "
        f"Outputs: []",
        "Bindings:",
    )
)


def test_types_are_of_inputs_and_outputs_not_of_constants() -> None:
    layers = layers_from_log(["Engine Layer Information:", LOG])
    assert [layer.computes_in for layer in layers] == [
        "float16",
        "other",
        "float16",
        "mixed",
        "other",
    ]
    conv, signal, attention, _, shapes = layers
    assert conv.types == ("float16", "float16", "float16")
    assert conv.nodes == ("node_conv2d", "node_add_5")
    assert conv.multiplies
    assert not signal.moves_data
    assert attention.is_fused_attention
    assert shapes.types == ("int64",)


def test_the_inspector_returns_the_same() -> None:
    records = [
        {
            "Name": "node_conv2d",
            "LayerType": "CaskConvolution",
            "Inputs": [{"Name": "a", "Format/Datatype": "Channel major FP16 format"}],
            "Outputs": [{"Name": "b", "Format/Datatype": "Half"}],
            "Metadata": "[ONNX Layer: node_conv2d]",
        },
        {
            "Name": "sum",
            "LayerType": "Reduce",
            "Inputs": [{"Name": "a", "Datatype": "Float"}],
            "Outputs": [{"Name": "b", "Format/Datatype": "Row major linear FP32"}],
        },
    ]
    layers = layers_from_inspector(json.dumps({"Layers": records}))
    assert [layer.computes_in for layer in layers] == ["float16", "float32"]
    assert [layer.multiplies for layer in layers] == [True, False]
    assert layers[0].nodes == ("node_conv2d",)
    assert layers_from_inspector('{"Layers": ["names", "only"]}') == ()
