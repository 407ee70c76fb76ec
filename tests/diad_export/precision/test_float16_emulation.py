"""The emulation of a float16 graph rounds every value as float16 does."""

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from diad_export.onnx.parity import open_session
from diad_export.precision.float16 import convert_to_float16
from diad_export.precision.float16_emulation import write_emulated

RNG = np.random.default_rng(0)
X, FIRST, SECOND = (RNG.normal(size=(16, 16)).astype(np.float32) for _ in range(3))


def float16_graph(
    path: Path, first: np.ndarray, second: np.ndarray, *, beside: bool = False
) -> Path:
    """Two matrix products in float16, `x` and `y` `[16, 16]` float32."""
    made = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "first"], ["product"]),
            helper.make_node("MatMul", ["product", "second"], ["y"]),
        ],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [16, 16])],
        [numpy_helper.from_array(first, "first"), numpy_helper.from_array(second, "second")],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    graph = ir.from_proto(onnx.shape_inference.infer_shapes(model, strict_mode=True))
    convert_to_float16(graph, [])
    ir.save(graph, path, external_data=f"{path.name}.data" if beside else None)
    return path


def float16_values(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return values.astype(np.float16).astype(np.float32)


def by_hand(x: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rounded after each operator, by NumPy."""
    product = float16_values(float16_values(x) @ float16_values(first))
    return float16_values(product @ float16_values(second))


def run(path: Path, x: np.ndarray) -> np.ndarray:
    return open_session(path).run(None, {"x": x})[0]


def test_each_value_is_rounded(tmp_path: Path) -> None:
    path = float16_graph(tmp_path / "graph.onnx", FIRST, SECOND)
    (tmp_path / "rounded").mkdir()
    found = run(write_emulated(path, tmp_path / "rounded"), X)
    expected = by_hand(X, FIRST, SECOND)
    # sums in another order may round to the next float16 value
    assert np.abs(found - expected).max() <= 2.0**-10 * np.abs(expected).max()
    assert np.mean(found == expected) > 0.9
    assert np.array_equal(found, float16_values(found))


def test_onnx_runtime_itself_does_not_round_between_float16_nodes(tmp_path: Path) -> None:
    """The reason for the emulation; if this fails, it may be needless."""
    large, small = np.clip(FIRST * np.float32(1e5), -6e4, 6e4), SECOND * np.float32(1e-5)
    path = float16_graph(tmp_path / "graph.onnx", large, small)
    assert np.abs(float16_values(X) @ float16_values(large)).max() > 65504
    assert np.isfinite(run(path, X)).all()


def test_an_overflow_shows(tmp_path: Path) -> None:
    large, small = FIRST * np.float32(1e5), SECOND * np.float32(1e-5)
    path = float16_graph(tmp_path / "graph.onnx", np.clip(large, -6e4, 6e4), small)
    (tmp_path / "rounded").mkdir()
    assert np.isfinite(run(path, X)).all()
    assert not np.isfinite(run(write_emulated(path, tmp_path / "rounded"), X)).any(axis=None)


@pytest.mark.parametrize("linkable", [True, False])
def test_external_data_is_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linkable: bool
) -> None:
    def refuse(source: Path, place: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    if not linkable:
        monkeypatch.setattr("os.link", refuse)
    path = float16_graph(tmp_path / "graph.onnx", FIRST, SECOND, beside=True)
    (tmp_path / "rounded").mkdir()
    written = write_emulated(path, tmp_path / "rounded")
    assert written.with_name("graph.onnx.data").exists()
    assert np.isfinite(run(written, X)).all()


def test_external_data_behind_a_link(tmp_path: Path) -> None:
    """Links as in a model hub's cache."""
    graph = float16_graph(tmp_path / "graph.onnx", FIRST, SECOND, beside=True)
    weights = graph.with_name("graph.onnx.data")
    (tmp_path / "blobs").mkdir()
    weights.rename(tmp_path / "blobs" / "weights")
    weights.symlink_to(Path("blobs") / "weights")
    (tmp_path / "rounded").mkdir()
    assert np.isfinite(run(write_emulated(graph, tmp_path / "rounded"), X)).all()


def test_a_float32_graph_is_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "graph.onnx"
    made = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [16, 16])],
    )
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)]), path)
    (tmp_path / "rounded").mkdir()
    written = onnx.load(write_emulated(path, tmp_path / "rounded"))
    assert [node.op_type for node in written.graph.node] == ["Relu"]


def test_constants_and_shapes_keep_their_types(tmp_path: Path) -> None:
    """Float16 from an attribute, an operator that reads any type, and a cast inside."""
    made = helper.make_graph(
        [
            helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
            helper.make_node("Shape", ["h"], ["shape"]),
            helper.make_node(
                "ConstantOfShape",
                ["shape"],
                ["third"],
                value=numpy_helper.from_array(np.float16([1 / 3])),
            ),
            helper.make_node("Add", ["h", "third"], ["sum"]),
            helper.make_node("Cast", ["sum"], ["y"], to=TensorProto.FLOAT),
        ],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [16, 16])],
    )
    path = tmp_path / "graph.onnx"
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, path)
    (tmp_path / "rounded").mkdir()
    found = run(write_emulated(path, tmp_path / "rounded"), X)
    assert np.array_equal(found, float16_values(float16_values(X) + np.float32(np.float16(1 / 3))))
    assert onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]) is not None
