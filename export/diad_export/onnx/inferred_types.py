"""Shapes and types of a graph's values, as ONNX infers them."""

from pathlib import Path

import onnx

from diad_deploy.errors import ExportError


def infer_types(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """The model with what can be inferred; what cannot is left out.

    Args:
        model: as read from `path`, which the message names.

    Raises:
        ExportError: ONNX refuses the graph.
    """
    try:
        return onnx.shape_inference.infer_shapes(model)
    # InferenceError for the graph, ValueError for one that is too large to be handed on
    except (onnx.shape_inference.InferenceError, ValueError) as error:
        raise ExportError(
            f"{path}: ONNX cannot infer the graph's types: {' '.join(str(error).split())}; build "
            f"the bundle again"
        ) from error
