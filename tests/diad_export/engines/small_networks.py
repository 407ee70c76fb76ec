"""Small float16 and float32 graphs that TensorRT-RTX builds in about a second."""

from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from diad_deploy.bundle.manifest import GraphSpec, TensorSpec
from diad_export.engines.options import EngineOptions
from diad_export.engines.protocol import EngineRequest
from diad_export.onnx.export import OPSET

SIDE = 8
WIDTH = 64
HEADS = 2
"""Heads of width 32: TensorRT fuses attention from there on, and not for 8."""


class Attending(nn.Module):
    """A convolution and one self-attention; inputs and outputs are float32."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, WIDTH, 3, padding=1)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x.to(self.conv.weight.dtype))
        tokens = x.flatten(2).transpose(1, 2)
        q, k, v = self.qkv(tokens).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(attended.transpose(1, 2).flatten(2)).float()


class Spreading(nn.Module):
    """A convolution, then a float32 product with a constant matrix, as the scorer's fusion."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 1, 1)
        self.register_buffer("matrix", torch.randn(16, SIDE))
        self.matrix: Tensor

    def forward(self, x: Tensor) -> Tensor:
        maps = self.conv(x.to(self.conv.weight.dtype))[:, 0].float()
        return self.matrix.float() @ maps @ self.matrix.float().T


def write_network(module: nn.Module, path: Path, *, half: bool) -> Path:
    """Export `module` with a dynamic batch; the caller seeds the weights."""
    module = module.eval()
    program = torch.onnx.export(
        module.half() if half else module,
        (torch.randn(2, 4, SIDE, SIDE),),
        dynamo=True,
        opset_version=OPSET,
        input_names=["x"],
        output_names=["y"],
        dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},),
        verbose=False,
    )
    program.save(str(path))
    return path


def write_strange(path: Path) -> Path:
    """A graph with an unknown operator in the node `strange_node`."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4, SIDE, SIDE])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4, SIDE, SIDE])
    nodes = [
        helper.make_node("Relu", ["x"], ["z"], name="plain_node"),
        helper.make_node("Unheard", ["z"], ["y"], name="strange_node"),
    ]
    graph = helper.make_graph(nodes, "strange", [x], [y])
    opsets = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


def request(path: Path, engine: Path, *capabilities: str, precision: str) -> EngineRequest:
    """Build the graph at `path` for TensorRT-RTX."""
    shape = ("batch", 4, SIDE, SIDE)
    graph = GraphSpec(
        name=path.stem,
        file=path.name,
        inputs=(TensorSpec(name="x", dtype="float32", shape=shape),),
        outputs=(),
        precision=precision,
        stored_weights=precision,
        parameters=0,
    )
    return EngineRequest(
        graph=graph,
        onnx_file=str(path),
        engine_file=str(engine),
        options=EngineOptions(target="tensorrt-rtx", compute_capabilities=capabilities),
        float32_allowed=False,
    )
