"""Small graphs for tests of passes on constants."""

import numpy as np
import onnx_ir as ir
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def multiplying(**constants: np.ndarray) -> ir.Model:
    """A graph that multiplies its input `x` by each constant in turn; all of one length."""
    nodes, last = [], "x"
    for name in constants:
        nodes.append(helper.make_node("Mul", [last, name], [f"after_{name}"]))
        last = f"after_{name}"
    shape = [len(value) for value in constants.values()][:1]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return ir.from_proto(model)


def run(model: ir.Model, x: np.ndarray) -> np.ndarray:
    """The graph's output on ONNX Runtime."""
    data = ir.to_proto(model).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]
