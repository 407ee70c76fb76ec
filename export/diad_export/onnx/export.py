"""Component -> ONNX file, with dynamic batch, checked and in a form all engines take.

Opset 18: of Resize and ReduceMax as later opsets have them, ONNX Runtime has CUDA kernels from 1.25
and 1.27 on only; opset 21 and later write GroupNormalization and Attention, which some TensorRT
releases and ONNX Runtime's CPU do not take. What 18 lacks is GELU (`gelu.py`).
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
from diad_export.onnx.components import BATCH, EXAMPLE_BATCH, Component, example_inputs
from diad_export.onnx.gelu import translate_gelu
from diad_export.onnx.single_constants import hold_constants_once
from diad_export.onnx.storage import store_as_float16
from diad_export.onnx.winograd import use_winograd

if TYPE_CHECKING:
    from collections.abc import Iterator

OPSET = 18
LARGEST_BATCH = 1024
FLOAT32_SCOPE = "wide_scope"
_NAME_SCOPES = "pkg.torch.onnx.name_scopes"
INLINE_BYTES = 512 * 1024 * 1024
"""Weights beyond this lie beside the graph, in one file of external data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenGraph:
    """A graph on disk: number of parameters, and how most of them are stored."""

    path: Path
    parameters: int
    stored_weights: str


def write_graph(
    component: Component, folder: Path, convolutions: Convolutions = "plain"
) -> WrittenGraph:
    """Export `component` to `folder/NAME.onnx`, with `NAME.onnx.data` beside it where it is large.

    Raises:
        ExportError: torch could not export it, or ONNX's checker refused the result.
    """
    model = trace(component)
    parameters = count_parameters(model)
    if convolutions == "winograd":
        use_winograd(model)
    written = save_graph(model, component.name, folder)
    # of the model, however its convolutions are written
    return replace(written, parameters=parameters)


def save_graph(model: ir.Model, name: str, folder: Path) -> WrittenGraph:
    """Write `model` to `folder/NAME.onnx`, as `write_graph` does; float32 weights that float16
    holds exactly are stored in it.

    Raises:
        ExportError: ONNX's checker refused it.
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
    """Elements of all constants."""
    return sum(
        int(value.const_value.size)
        for value in model.graph.initializers.values()
        if value.const_value is not None
    )


def _stored(model: ir.Model, parameters: int) -> str:
    """The type in which most of the parameters are stored."""
    halved = sum(
        int(value.const_value.size)
        for value in model.graph.initializers.values()
        if value.const_value is not None and value.const_value.dtype == ir.DataType.FLOAT16
    )
    return "float16" if 2 * halved > parameters else "float32"


def trace(component: Component) -> ir.Model:
    """The component's graph in memory, float32, with its tensors named as the component says.

    Every constant is in it once. Each node of a part that stays in float32 by design has that
    part's name in `node.meta[FLOAT32_SCOPE]`.
    """
    batch = torch.export.Dim(BATCH, min=1, max=LARGEST_BATCH)
    dynamic = tuple({0: batch} if BATCH in spec.shape else None for spec in component.inputs)
    try:
        with _quiet(), torch.no_grad():
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
            f"{component.name}: torch could not export the graph: {_first_line(_cause(error))}"
        ) from error
    if program is None:
        raise ExportError(f"{component.name}: torch exported nothing; expected an ONNX program")
    _mark_float32_scopes(program.model, component)
    _strip_notes(program.model)
    hold_constants_once(program.model)
    return program.model


def _mark_float32_scopes(model: ir.Model, component: Component) -> None:
    """Keep of the exporter's notes which nodes came from a part that stays in float32.

    Of two parts that compute the same, such as two networks' sinusoids, one may be left.
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
            f"graph, found none; this version of torch notes them otherwise, take torch 2.14"
        )


def _strip_notes(model: ir.Model) -> None:
    """Drop what the exporter notes about source files: paths of the machine, and half the size."""
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    model.graph.doc_string = None
    for node in model.graph:
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            value.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()


def _check(path: Path, name: str) -> None:
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(
            f"{name}: ONNX's checker refuses the exported graph: {_first_line(error)}"
        ) from error


def _cause(error: BaseException) -> BaseException:
    """What it began with: torch's own errors say the step only."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextmanager
def _quiet() -> "Iterator[None]":
    """Keep the exporter's own remarks off the terminal; its errors still come through."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
