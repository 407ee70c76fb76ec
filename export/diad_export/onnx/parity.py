"""An exported graph compared with the PyTorch module that it comes from, on the same inputs."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.modules.module import register_module_forward_pre_hook

from diad_deploy.backends.onnxruntime.module import import_onnxruntime
from diad_deploy.backends.onnxruntime.sessions import default_threads
from diad_deploy.bundle.manifest import ParityRecord
from diad_deploy.errors import ExportError
from diad_export.onnx.components import Component, example_inputs

RELATIVE_LIMIT = 1e-4
BATCHES = (1, 3)
"""One image, and a batch size that the graph was not exported with."""

Array = npt.NDArray[np.floating[Any]]
Results = list[tuple[Array, ...]]
"""The outputs for each batch."""


def check_parity(component: Component, path: Path) -> tuple[ParityRecord, ...]:
    """Compare the graph at `path`, run by ONNX Runtime, with its module.

    Where they differ, the error may be PyTorch's. The module then also runs in float64, and the
    graph may differ from that result as much as the module in float32 does.

    Returns:
        The errors of each output, for the batch with the largest.

    Raises:
        ExportError: an output differs by more than `RELATIVE_LIMIT` of its norm, and from float64
            by more than PyTorch in float32.
    """
    graph, module = _run_graph(component, path), _run_module(component, torch.float32)
    records = _compare_all(component, module, graph)
    if not all(record.relative <= RELATIVE_LIMIT for record in records):
        exact = _run_module(component, torch.float64)
        records = _compare_all(component, exact, graph)
        _check_errors(records, float32=_compare_all(component, exact, module))
    return records


def _check_errors(records: Sequence[ParityRecord], float32: Sequence[ParityRecord]) -> None:
    too_far = [
        f"{record.output} by {record.relative:.1e}, PyTorch in float32 by {other.relative:.1e}"
        for record, other in zip(records, float32, strict=True)
        if not record.relative <= max(RELATIVE_LIMIT, other.relative)
    ]
    if too_far:
        raise ExportError(
            f"{records[0].graph}: the exported graph differs from PyTorch in float64 "
            f"({'; '.join(too_far)} of its norm; at most {RELATIVE_LIMIT:.0e} is allowed, or as "
            f"much as PyTorch in float32); no bundle was written"
        )


def _compare_all(component: Component, want: Results, got: Results) -> tuple[ParityRecord, ...]:
    """The errors of each output, for the batch with the largest."""
    return tuple(
        max(
            (
                compare(component.name, spec.name, expected[index], found[index])
                for expected, found in zip(want, got, strict=True)
            ),
            key=_relative_error,
        )
        for index, spec in enumerate(component.outputs)
    )


def _relative_error(record: ParityRecord) -> float:
    return math.inf if math.isnan(record.relative) else record.relative


def _run_graph(component: Component, path: Path) -> Results:
    session = open_session(path)
    # by name: a traced graph has more outputs than its component
    names = [spec.name for spec in component.outputs]
    results = []
    for batch in BATCHES:
        values = example_inputs(component, batch=batch, seed=batch)
        named = zip(component.inputs, values, strict=True)
        found = session.run(names, {spec.name: value.numpy() for spec, value in named})
        results.append(tuple(found))
    return results


def compare(graph: str, output: str, want: Array, got: Array) -> ParityRecord:
    """Largest, mean and relative error of `got` against `want`; the last is of norms."""
    error = np.abs(got.astype(np.float64) - want)
    norm = float(np.linalg.norm(want.astype(np.float64)))
    return ParityRecord(
        graph=graph,
        output=output,
        max_abs=float(error.max()),
        mean_abs=float(error.mean()),
        relative=float(np.linalg.norm(error)) / max(norm, 1e-30),
    )


def _run_module(component: Component, dtype: torch.dtype) -> Results:
    module = component.module
    # diffusers computes the timestep's sinusoid in float32, whatever type its layers have
    hook = register_module_forward_pre_hook(_cast_inputs(dtype))
    results = []
    try:
        # in place: a copy of a large model may not fit in memory; no float32 value changes
        module.to(dtype)
        for batch in BATCHES:
            with torch.inference_mode():
                result = module(*example_inputs(component, batch=batch, seed=batch))
            outputs = result if isinstance(result, tuple) else (result,)
            results.append(tuple(output.numpy() for output in outputs))
    finally:
        hook.remove()
        module.to(torch.float32)
    return results


def _cast_inputs(dtype: torch.dtype) -> Callable[..., Any]:
    def cast(value: Any) -> Any:
        floating = isinstance(value, Tensor) and value.is_floating_point()
        return value.to(dtype) if floating else value

    return lambda module, inputs: tuple(cast(value) for value in inputs)


def open_session(path: Path, *, as_written: bool = False) -> Any:
    """Open the graph at `path` on ONNX Runtime's CPU, for a few runs in little memory.

    Args:
        path: of the graph.
        as_written: do not optimise the graph. It runs slower, but float16 weights stay float16 in
            memory, where folding their casts would hold them in float32.

    Raises:
        BackendError: ONNX Runtime is not installed.
        ExportError: it rejects the graph.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = default_threads()
    if as_written:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # nodes run in the order of the file, so that a measured value can be freed at once, and freed
    # memory goes back to the system; both cost about a tenth of the speed
    options.execution_order = onnxruntime.ExecutionOrder.PRIORITY_BASED
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.disable_prepacking", "1")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own untyped classes
        raise ExportError(
            f"{path.name}: ONNX Runtime rejects the exported graph: {str(error).splitlines()[0]}"
        ) from error
