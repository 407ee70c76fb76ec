"""The layers of an engine after fusion, from TensorRT's log or its engine inspector.

With detailed profiling verbosity the builder logs a line for each layer, on any machine:

    Name: node_conv2d_myl0_16, LayerType: correlation, Inputs: [ { Name: x, Dimensions: [1,4,8,8],
    …, Datatype: Half, … }], Constants: [ … ], Outputs: [ … ], TacticName: …, Metadata:
    [ONNX Layer: node_conv2d]

With a GPU, the engine inspector returns the same as JSON. For several compute capabilities,
TensorRT-RTX describes the layers once, as it compiles the kernels on the device.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

FUSED_ATTENTION = "_gemm_mha"

_LINE = re.compile(
    r"Name: (?P<name>.*?), LayerType: (?P<kind>[^,]*), Inputs: \[(?P<inputs>.*?)\]"
    r"(?:, Constants: \[.*?\])?, Outputs: \[(?P<outputs>.*?)\](?P<rest>, TacticName: .*)?$"
)
_DATATYPE = re.compile(r"(?:Format/)?Datatype: ([^,}\]]+)")
_ONNX_NODE = re.compile(r"\[ONNX Layer: ([^\]]*)\]")
_PRODUCT = re.compile(r"correlation|(?i:conv(?!ert)|gemm|matrix_?multiply)|Corr|Fc[A-Z_]")
_TYPES = (
    ("float16", ("half", "fp16")),
    ("bfloat16", ("bfloat16", "bf16")),
    ("float8", ("fp8", "float8")),
    ("float4", ("fp4", "float4")),
    ("float32", ("float", "fp32")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of a built engine.

    Attributes:
        name: in the engine.
        kind: TensorRT's layer type, such as `correlation` or `kgen`.
        types: of its inputs and outputs, in order. Constants are left out: a float16 convolution
            has float32 scalars.
        nodes: the ONNX nodes that were fused into it.
    """

    name: str
    kind: str
    types: tuple[str, ...]
    nodes: tuple[str, ...]

    @property
    def computes_in(self) -> str:
        """`float16`, `float32`, …; `mixed` for several types, `other` without floating point."""
        floats = sorted({name for name in self.types if "float" in name})
        if not floats:
            return "other"
        return floats[0] if len(floats) == 1 else "mixed"

    @property
    def is_fused_attention(self) -> bool:
        """Whether the layer is a whole attention, fused into one kernel."""
        return FUSED_ATTENTION in self.name

    @property
    def multiplies(self) -> bool:
        """Whether it has convolutions or matrix products, judging by its name and type."""
        return bool(_PRODUCT.search(self.kind) or _PRODUCT.search(self.name))

    @property
    def moves_data(self) -> bool:
        """Whether it has tensors; signals between streams have none."""
        return bool(self.types)


def layers_from_log(messages: Iterable[str]) -> tuple[Layer, ...]:
    """The layers that the builder's verbose messages describe."""
    found = []
    for message in messages:
        if "LayerType: " not in message:
            continue
        for line in message.splitlines():
            match = _LINE.match(line.strip())
            if match:
                tensors = match["inputs"] + "," + match["outputs"]
                found.append(
                    Layer(
                        name=match["name"],
                        kind=match["kind"],
                        types=tuple(map(_type, _DATATYPE.findall(tensors))),
                        nodes=_nodes(match["rest"] or ""),
                    )
                )
    return tuple(found)


def layers_from_inspector(text: str) -> tuple[Layer, ...]:
    """The layers in the engine inspector's JSON; none for an engine built without details."""
    records: list[Any] = json.loads(text).get("Layers", [])
    return tuple(
        Layer(
            name=str(record.get("Name", "")),
            kind=str(record.get("LayerType", "")),
            types=tuple(
                _type(str(tensor.get("Datatype") or tensor.get("Format/Datatype") or ""))
                for side in ("Inputs", "Outputs")
                for tensor in record.get(side) or []
            ),
            nodes=_nodes(str(record.get("Metadata", ""))),
        )
        for record in records
        if isinstance(record, dict)
    )


def _nodes(metadata: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_ONNX_NODE.findall(metadata)))


def _type(word: str) -> str:
    """A type's name in this project; TensorRT's is `Half` or a format, such as `… FP16 format`."""
    lowered = word.strip().lower()
    for name, signs in _TYPES:
        if any(sign in lowered.split() or lowered.startswith(sign) for sign in signs):
            return name
    return lowered
