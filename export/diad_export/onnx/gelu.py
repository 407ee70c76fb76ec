"""GELU for opset 18, which has no such operator.

ONNX Runtime fuses these five nodes into its own GELU, on CPUs and on CUDA, with the same bits as
the operator of opset 20. It recognises them by the order of the products: written as torch writes
them, `x * (0.5 * (1 + erf))`, they are not fused.
"""

from typing import Any

from diad_deploy.errors import ExportError


def translate_gelu(x: Any, approximate: str = "none") -> Any:
    """`aten.gelu` for `torch.onnx.export`: `(0.5 * x) * (1 + erf(x / sqrt(2)))`.

    Raises:
        ExportError: `approximate` asks for the approximation by a hyperbolic tangent.
    """
    from onnxscript import ir
    from onnxscript import opset18 as op

    if approximate != "none":
        raise ExportError(
            f"GELU: expected the exact function, found the approximation {approximate!r}, which "
            f"no DiAD network uses; change the model's activation"
        )

    def constant(value: float) -> Any:
        return ir.tensor(value, dtype=x.dtype)

    factor = op.Add(op.Erf(op.Div(x, constant(2.0**0.5))), constant(1.0))
    return op.Mul(op.Mul(x, constant(0.5)), factor)
