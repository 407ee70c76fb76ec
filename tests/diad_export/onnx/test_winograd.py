"""Winograd's products give the same numbers; other convolutions are unchanged."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from diad_export.onnx.winograd import use_winograd
from tests.diad_export.onnx.small_graphs import run

PLAIN = {"pads": [1, 1, 1, 1]}


def weights(out: int, into: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(out, into, 3, 3)) / np.sqrt(9 * into)
    return values.astype(np.float32)


def convolving(
    sides: tuple[int, int],
    *kernels: np.ndarray,
    batch: int | str = "batch",
    bias: bool = True,
    **attributes: object,
) -> ir.Model:
    """A chain of convolutions; a kernel that is given twice is stored once."""
    names = {id(kernel): f"w{place}" for place, kernel in enumerate(kernels)}
    constants = {names[id(kernel)]: kernel for kernel in kernels}
    if bias:
        last = len(kernels[-1])
        constants["bias"] = np.linspace(-1, 1, last, dtype=np.float32)
    group = attributes.get("group", 1)
    assert isinstance(group, int)
    shape = [batch, group * kernels[0].shape[1], *sides]
    nodes, read = [], "x"
    for place, kernel in enumerate(kernels):
        rest = ["bias"] if bias and len(kernel) == len(kernels[-1]) else []
        made = f"conv{place}"
        inputs = [read, names[id(kernel)], *rest]
        nodes.append(helper.make_node("Conv", inputs, [made], name=made, **attributes))
        read = made
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(read, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return ir.from_proto(onnx.shape_inference.infer_shapes(model))


def images(model: ir.Model, batch: int) -> np.ndarray:
    shape = model.graph.inputs[0].shape
    assert shape is not None
    sizes = [size for size in list(shape)[1:] if isinstance(size, int)]
    return np.random.default_rng(1).normal(size=(batch, *sizes)).astype(np.float32)


def off(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def kinds(model: ir.Model) -> list[str]:
    return [node.op_type for node in model.graph]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("out", "into", "sides", "stride"),
    [
        (128, 144, (16, 20), 1),  # tiles of 4, as a grouped convolution
        (128, 128, (68, 64), 1),  # tiles of 4, as matrix products
        (520, 512, (8, 10), 1),  # tiles of 2
        (520, 512, (4, 3), 1),  # every cell alone
        (512, 520, (8, 8), 2),  # every cell alone, every second cell
    ],
)
def test_the_same_numbers(
    out: int, into: int, sides: tuple[int, int], stride: int, bias: bool, batch: int
) -> None:
    kernel = weights(out, into)
    strides = [stride, stride]
    plain, changed = (
        convolving(sides, kernel, bias=bias, strides=strides, **PLAIN) for _ in range(2)
    )
    assert use_winograd(changed) == 1
    assert "ConvTranspose" in kinds(changed)
    x = images(plain, batch)
    wanted, found = run(plain, x), run(changed, x)
    assert found.shape == wanted.shape
    assert off(found, wanted) < 5e-6


def test_a_result_keeps_its_name_and_shape() -> None:
    changed = convolving((16, 16), weights(128, 128), **PLAIN)
    before = changed.graph.outputs[0]
    name, shape = before.name, before.shape
    use_winograd(changed)
    after = changed.graph.outputs[0]
    assert (after.name, after.shape) == (name, shape)
    assert "w0" not in changed.graph.initializers
    onnx.checker.check_model(ir.to_proto(changed), full_check=True)


def test_a_kernel_used_twice_is_stored_once() -> None:
    kernel = weights(128, 128)
    plain, changed = (convolving((16, 16), kernel, kernel, **PLAIN) for _ in range(2))
    assert use_winograd(changed) == 2
    stored = [name for name in changed.graph.initializers if ".winograd." in name]
    assert len(stored) == 1
    assert off(run(changed, x := images(plain, 1)), run(plain, x)) < 1e-5


def test_a_kernel_that_another_node_reads_stays() -> None:
    kernel = weights(128, 128)
    changed = convolving((16, 16), kernel, **PLAIN)
    weight = changed.graph.initializers["w0"]
    reader = ir.node("Identity", [weight], name="reader")
    changed.graph.append(reader)
    changed.graph.outputs.append(reader.outputs[0])
    use_winograd(changed)
    assert "w0" in changed.graph.initializers


@pytest.mark.parametrize(
    ("kernel", "attributes"),
    [
        (weights(64, 64), PLAIN),
        (weights(128, 128), {}),
        (weights(128, 128), {"pads": [0, 1, 1, 1]}),
        (weights(128, 128), {"pads": [2, 2, 2, 2], "dilations": [2, 2]}),
        (weights(128, 128), {**PLAIN, "strides": [2, 2]}),
        (weights(128, 128), {**PLAIN, "strides": [1, 2]}),
        (weights(128, 128), {"auto_pad": "SAME_UPPER"}),
        (weights(128, 64), {**PLAIN, "group": 2}),
        (np.ones((128, 128, 1, 1), np.float32), {}),
    ],
)
def test_other_convolutions_are_unchanged(
    kernel: np.ndarray, attributes: dict[str, object]
) -> None:
    model = convolving((16, 16), kernel, **attributes)
    before = ir.to_proto(model).SerializeToString()
    assert use_winograd(model) == 0
    assert ir.to_proto(model).SerializeToString() == before


def test_float16_is_unchanged() -> None:
    model = convolving((16, 16), weights(128, 128), **PLAIN)
    model.graph.inputs[0].dtype = ir.DataType.FLOAT16
    assert use_winograd(model) == 0


def test_computed_filters_are_unchanged() -> None:
    model = convolving((16, 16), weights(128, 128), **PLAIN)
    weight = model.graph.initializers["w0"]
    negative = ir.node("Neg", [weight], name="negative")
    conv = model.graph.node(0)
    model.graph.insert_before(conv, negative)
    conv.replace_input_with(1, negative.outputs[0])
    negative.outputs[0].shape = weight.shape
    assert use_winograd(model) == 0
