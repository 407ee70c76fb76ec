"""Is an exported graph the same as its module? Both run on the same numbers."""

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
"""A batch of one, and one that the graph was not exported with."""

Array = npt.NDArray[np.floating[Any]]
Results = list[tuple[Array, ...]]
"""Of each batch, the outputs."""


def check_parity(component: Component, path: Path) -> tuple[ParityRecord, ...]:
    """Compare the graph at `path` on ONNX Runtime with its module; the worst batch is recorded.

    Where the two are far apart it can be PyTorch's float32 that is off. So the module computes in
    float64, too, and the graph may be as far from that as PyTorch's float32 is itself.

    Raises:
        ExportError: an output differs by more than `RELATIVE_LIMIT` of its norm, and from float64
            by more than PyTorch's float32 does.
    """
    graph, module = _run_graph(component, path), _run_module(component, torch.float32)
    records = _compare_all(component, module, graph)
    if not all(record.relative <= RELATIVE_LIMIT for record in records):
        exact = _run_module(component, torch.float64)
        records = _compare_all(component, exact, graph)
        _refuse_far(records, own=_compare_all(component, exact, module))
    return records


def _refuse_far(records: Sequence[ParityRecord], own: Sequence[ParityRecord]) -> None:
    too_far = [
        f"{record.output} by {record.relative:.1e}, PyTorch in float32 by {off.relative:.1e}"
        for record, off in zip(records, own, strict=True)
        if not record.relative <= max(RELATIVE_LIMIT, off.relative)
    ]
    if too_far:
        raise ExportError(
            f"{records[0].graph}: the exported graph differs from PyTorch in float64 "
            f"({'; '.join(too_far)} of its norm; at most {RELATIVE_LIMIT:.0e} is allowed, or as "
            f"much as PyTorch in float32); no bundle was written"
        )


def _compare_all(component: Component, want: Results, got: Results) -> tuple[ParityRecord, ...]:
    """The worst batch of each output."""
    return tuple(
        max(
            (
                compare(component.name, spec.name, wanted[place], found[place])
                for wanted, found in zip(want, got, strict=True)
            ),
            key=_badness,
        )
        for place, spec in enumerate(component.outputs)
    )


def _badness(record: ParityRecord) -> float:
    return math.inf if math.isnan(record.relative) else record.relative


def _run_graph(component: Component, path: Path) -> Results:
    session = open_session(path)
    # of all outputs: a graph may have more than its component, to be observed
    names = [spec.name for spec in component.outputs]
    results = []
    for batch in BATCHES:
        values = example_inputs(component, batch=batch, seed=batch)
        named = zip(component.inputs, values, strict=True)
        found = session.run(names, {spec.name: value.numpy() for spec, value in named})
        results.append(tuple(found))
    return results


def compare(graph: str, output: str, want: Array, got: Array) -> ParityRecord:
    """Errors of `got` against `want`."""
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
    # diffusers makes the timestep's sinusoid in float32, whatever its layers are in
    hook = register_module_forward_pre_hook(_inputs_in(dtype))
    results = []
    try:
        # in place, as a copy of a large model would not fit; every float32 is a float64
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


def _inputs_in(dtype: torch.dtype) -> Callable[..., Any]:
    def cast(value: Any) -> Any:
        floating = isinstance(value, Tensor) and value.is_floating_point()
        return value.to(dtype) if floating else value

    return lambda module, inputs: tuple(cast(value) for value in inputs)


def open_session(path: Path, *, as_written: bool = False) -> Any:
    """The graph at `path` on ONNX Runtime's CPU.

    Args:
        path: of the graph.
        as_written: run its nodes as they stand. Slower, but float16 weights stay what they are in
            the file, where folding their casts would hold each in float32.

    Raises:
        BackendError: ONNX Runtime is not installed.
        ExportError: it refuses the graph.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = default_threads()
    if as_written:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # a few runs of large graphs: memory counts, not the last tenth of their speed. Nodes run where
    # they stand, so that what was measured goes at once, and what goes is the system's again
    options.execution_order = onnxruntime.ExecutionOrder.PRIORITY_BASED
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.disable_prepacking", "1")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own untyped classes
        raise ExportError(
            f"{path.name}: ONNX Runtime refuses the exported graph: {str(error).splitlines()[0]}"
        ) from error
