"""TensorRT's errors become one line."""

from types import SimpleNamespace

from diad_export.engines.messages import make_collector, one_line

TURING = (
    "IBuilder::buildSerializedNetwork: Error Code 1: Myelin ([pass.cpp:337: "
    "check_turing_op_compatibility] Cannot compile operation 'node_MatMul_276' for Turing (SM75): "
    "FP32 GEMM is not supported. In compileGraph at /_src/optimizer/myelin/codeGenerator.cpp:2012)"
)


def test_the_layer_is_kept_and_source_places_are_removed() -> None:
    assert one_line([TURING, "later"]) == (
        "Error Code 1: Myelin (Cannot compile operation 'node_MatMul_276' for Turing (SM75): "
        "FP32 GEMM is not supported.)"
    )
    assert one_line([]) == "TensorRT gave no reason"


def test_layers_and_errors_are_kept_and_the_rest_is_not() -> None:
    class ILogger:
        Severity = SimpleNamespace(INTERNAL_ERROR=0, ERROR=1, WARNING=2, VERBOSE=4)

    collector = make_collector(SimpleNamespace(ILogger=ILogger))
    collector.log(1, "broken")
    collector.log(2, "careful")
    collector.log(4, "Name: a, LayerType: b")
    assert collector.errors == ["broken"]
    assert collector.layer_messages == ["Name: a, LayerType: b"]
