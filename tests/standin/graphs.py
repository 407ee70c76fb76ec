"""Creates the stand-in's graphs: `python -m tests.standin.graphs` writes them here."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.standin import CHANNELS, FACTOR, FOLDER, INPUTS, NOISE_SHARE, OUTPUTS


def make_graphs() -> list[onnx.ModelProto]:
    """The four graphs, in the order in which they run."""
    pool = {"kernel_shape": [FACTOR, FACTOR], "strides": [FACTOR, FACTOR]}
    encoder = [
        helper.make_node("AveragePool", ["image"], ["small"], **pool),
        helper.make_node("Conv", ["small", "spread"], ["hint"]),
        helper.make_node("Mul", ["noise", "share"], ["scaled"]),
        helper.make_node("Add", ["hint", "scaled"], ["noised"]),
        helper.make_node("Mul", ["posterior_noise", "share"], ["posterior"]),
        helper.make_node("Add", ["noised", "posterior"], ["latents"]),
    ]
    denoiser = [
        helper.make_node("Sub", ["latents", "hint"], ["predicted"]),
        helper.make_node("Mul", ["latents", "latents_scale"], ["kept"]),
        helper.make_node("Mul", ["predicted", "noise_scale"], ["taken"]),
        helper.make_node("Mul", ["timestep", "zero"], ["nothing"]),
        helper.make_node("Add", ["kept", "taken"], ["sum"]),
        helper.make_node("Add", ["sum", "nothing"], ["next_latents"]),
    ]
    decoder = [
        helper.make_node("Conv", ["latents", "gather"], ["small"]),
        helper.make_node("Resize", ["small", "", "scales"], ["reconstruction"], mode="nearest"),
    ]
    scorer = [
        helper.make_node("Sub", ["image", "reconstruction"], ["difference"]),
        helper.make_node("Abs", ["difference"], ["absolute"]),
        helper.make_node("ReduceMean", ["absolute", "channel_axis"], ["anomaly_map"], keepdims=0),
        helper.make_node("ReduceMax", ["anomaly_map", "map_axes"], ["image_score"], keepdims=0),
    ]
    spread = np.zeros((CHANNELS, 3, 1, 1), dtype=np.float32)
    spread[[0, 1, 2], [0, 1, 2]] = 1.0
    gather = np.ascontiguousarray(spread.transpose(1, 0, 2, 3))
    return [
        _graph("encoder", encoder, {"spread": spread, "share": np.float32([NOISE_SHARE])}),
        _graph("denoiser", denoiser, {"zero": np.float32([0.0])}),
        _graph(
            "decoder", decoder, {"gather": gather, "scales": np.float32([1, 1, FACTOR, FACTOR])}
        ),
        _graph("scorer", scorer, {"channel_axis": np.int64([1]), "map_axes": np.int64([1, 2])}),
    ]


def _graph(
    name: str,
    nodes: list[onnx.NodeProto],
    constants: dict[str, np.ndarray],
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in INPUTS[name].items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in OUTPUTS[name].items()],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    for model in make_graphs():
        onnx.save(model, FOLDER / f"{model.graph.name}.onnx")
