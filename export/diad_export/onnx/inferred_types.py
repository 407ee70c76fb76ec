"""Shapes and types of a graph's values, inferred by ONNX."""

from pathlib import Path

import onnx

from diad_deploy.errors import ExportError


def infer_types(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """The model with the shapes and types that ONNX can infer.

    Args:
        model: read from `path`.
        path: named in the error.

    Raises:
        ExportError: ONNX rejects the graph.
    """
    try:
        return onnx.shape_inference.infer_shapes(model)
    # ValueError: the graph is too large to serialise
    except (onnx.shape_inference.InferenceError, ValueError) as error:
        raise ExportError(
            f"{path}: ONNX cannot infer the graph's types: {' '.join(str(error).split())}; build "
            f"the bundle again"
        ) from error
