"""Component -> checked ONNX file with a dynamic batch, which every backend can run.

The opset is 18. ONNX Runtime has CUDA kernels for Resize and ReduceMax of later opsets only since
1.25 and 1.27. From opset 21 on, the exporter writes GroupNormalization and Attention, which some
TensorRT releases and ONNX Runtime's CPU do not support. Opset 18 has no GELU; see `gelu.py`.
"""

import ast
import io
import logging
import warnings
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import onnx_ir as ir
import torch

from diad_deploy.bundle.manifest import Convolutions
from diad_deploy.errors import ExportError
from diad_export.onnx.cleanup import clean_up
from diad_export.onnx.components import BATCH, EXAMPLE_BATCH, Component, example_inputs
from diad_export.onnx.gelu import translate_gelu
from diad_export.onnx.slice_rule import quick_slice_rule
from diad_export.onnx.storage import store_as_float16
from diad_export.onnx.winograd import use_winograd

if TYPE_CHECKING:
    from collections.abc import Iterator

OPSET = 18
LARGEST_BATCH = 1024
FLOAT32_SCOPE = "float32_scope"
"""Key of `node.meta`: the part of the model that a node comes from, where it stays in float32."""
_NAME_SCOPES = "pkg.torch.onnx.name_scopes"
INLINE_BYTES = 512 * 1024 * 1024
"""Graphs with more weights keep them in a file of external data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenGraph:
    """A graph on disk, its number of parameters, and the type that most of them are stored in."""

    path: Path
    parameters: int
    stored_weights: str


def write_graph(
    component: Component, folder: Path, convolutions: Convolutions = "plain"
) -> WrittenGraph:
    """Export `component` to `folder/NAME.onnx`; a large one has its weights in `NAME.onnx.data`.

    Raises:
        ExportError: torch cannot export it, or ONNX's checker rejects the result.
    """
    model = trace(component)
    parameters = count_parameters(model)
    if convolutions == "winograd":
        use_winograd(model)
    written = save_graph(model, component.name, folder)
    # of the model itself: Winograd's factors are more than the filters that they come from
    return replace(written, parameters=parameters)


def save_graph(model: ir.Model, name: str, folder: Path) -> WrittenGraph:
    """Write `model` to `folder/NAME.onnx` as `write_graph` does, and check it.

    Float32 weights whose values are all float16 values are stored as float16 (`storage.py`).

    Raises:
        ExportError: ONNX's checker rejects it.
    """
    parameters = count_parameters(model)
    store_as_float16(model)
    path = folder / f"{name}.onnx"
    size = sum(
        int(value.const_value.nbytes)
        for value in model.graph.initializers.values()
        if value.const_value is not None
    )
    external = f"{path.name}.data" if size > INLINE_BYTES else None
    ir.save(model, path, external_data=external)
    _check(path, name)
    return WrittenGraph(path=path, parameters=parameters, stored_weights=_stored(model, parameters))


def count_parameters(model: ir.Model) -> int:
    """Number of elements of all initializers."""
    return sum(
        int(value.const_value.size)
        for value in model.graph.initializers.values()
        if value.const_value is not None
    )


def _stored(model: ir.Model, parameters: int) -> str:
    """The type in which most of the parameters are stored."""
    float16 = sum(
        int(value.const_value.size)
        for value in model.graph.initializers.values()
        if value.const_value is not None and value.const_value.dtype == ir.DataType.FLOAT16
    )
    return "float16" if 2 * float16 > parameters else "float32"


def trace(component: Component) -> ir.Model:
    """Export the component to a float32 graph in memory.

    Nodes of a part that stays in float32 by design have its name in `node.meta[FLOAT32_SCOPE]`.

    Raises:
        ExportError: torch cannot export it.
    """
    batch = torch.export.Dim(BATCH, min=1, max=LARGEST_BATCH)
    dynamic = tuple({0: batch} if BATCH in spec.shape else None for spec in component.inputs)
    try:
        with _quiet(), quick_slice_rule(), torch.no_grad():
            program = torch.onnx.export(
                component.module.eval(),
                example_inputs(component, batch=EXAMPLE_BATCH),
                dynamo=True,
                opset_version=OPSET,
                custom_translation_table={torch.ops.aten.gelu.default: translate_gelu},
                input_names=[spec.name for spec in component.inputs],
                output_names=[spec.name for spec in component.outputs],
                dynamic_shapes=dynamic,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise ExportError(
            f"{component.name}: torch cannot export the graph: {_first_line(_cause(error))}"
        ) from error
    if program is None:
        raise ExportError(f"{component.name}: torch exported nothing; expected an ONNX program")
    _mark_float32_scopes(program.model, component)
    clean_up(program.model)
    return program.model


def _mark_float32_scopes(model: ir.Model, component: Component) -> None:
    """Mark the nodes that come from a part that stays in float32, by the exporter's metadata.

    Only one of each class must be found: the exporter merges parts that compute the same, such as
    the timestep's sinusoids of two networks.
    """
    scopes = component.float32_scopes()
    missing = set(scopes.values())
    for node in model.graph:
        path = ast.literal_eval(node.metadata_props.get(_NAME_SCOPES, "[]"))
        scope = next((name for name in path if name in scopes), None)
        if scope is not None:
            node.meta[FLOAT32_SCOPE] = scope
            missing.discard(scopes[scope])
    if missing:
        raise ExportError(
            f"{component.name}: expected nodes of {', '.join(sorted(missing))} in the exported "
            f"graph, found none; install torch 2.14, as {torch.__version__} writes other metadata"
        )


def _check(path: Path, name: str) -> None:
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(
            f"{name}: ONNX's checker rejects the exported graph: {_first_line(error)}"
        ) from error


def _cause(error: BaseException) -> BaseException:
    """The first error of the chain; torch's own errors only name the step that failed."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextmanager
def _quiet() -> "Iterator[None]":
    """Silence the exporter's messages and warnings; its errors are still raised."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
