from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from diad_deploy.bundle.manifest import TensorSpec
from diad_deploy.errors import ExportError
from diad_export.onnx.components import BATCH, Component
from diad_export.onnx.export import write_graph


def component(module: nn.Module) -> Component:
    value = TensorSpec(name="value", dtype="float32", shape=(BATCH, 64))
    result = TensorSpec(name="result", dtype="float32", shape=(BATCH, 64))
    return Component(name="gelu", module=module, inputs=(value,), outputs=(result,))


def test_onnx_runtime_fuses_it_with_the_same_numbers(tmp_path: Path) -> None:
    written = write_graph(component(nn.GELU()), tmp_path)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    session = onnxruntime.InferenceSession(written.path, options)
    value = np.linspace(-8.0, 8.0, 128, dtype=np.float32).reshape(2, 64)
    [result] = session.run(None, {"value": value})
    expected = nn.functional.gelu(torch.from_numpy(value)).numpy()
    assert np.allclose(result, expected, rtol=0.0, atol=1e-6)
    optimised = onnx.load(options.optimized_model_filepath)
    assert [node.op_type for node in optimised.graph.node] == ["Gelu"]


def test_the_approximation_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="exact function, found the approximation 'tanh'"):
        write_graph(component(nn.GELU(approximate="tanh")), tmp_path)
