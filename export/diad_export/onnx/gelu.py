"""GELU in operators of opset 18, where ONNX has no operator of that name.

ONNX Runtime puts these five nodes together to its own GELU, on a CPU and on CUDA, to the same bits
as the operator of opset 20. It knows them by the order of their products: written as torch writes
them, `x * (0.5 * (1 + erf))`, they stay five.
"""

from typing import Any

from diad_deploy.errors import ExportError


def translate_gelu(x: Any, approximate: str = "none") -> Any:
    """`aten.gelu` for `torch.onnx.export`: `(0.5 * x) * (1 + erf(x / sqrt(2)))`.

    Raises:
        ExportError: the approximation by a hyperbolic tangent was asked for.
    """
    from onnxscript import ir
    from onnxscript import opset18 as op

    if approximate != "none":
        raise ExportError(
            f"GELU: expected the exact function, found the approximation {approximate!r}, which "
            f"no DiAD network has; change the model's activation"
        )

    def constant(value: float) -> Any:
        return ir.tensor(value, dtype=x.dtype)

    spread = op.Add(op.Erf(op.Div(x, constant(2.0**0.5))), constant(1.0))
    return op.Mul(op.Mul(x, constant(0.5)), spread)
