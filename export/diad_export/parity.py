"""Is an exported graph the same as its module? Both run on the same numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from diad_deploy.errors import ExportError
from diad_deploy.manifest import ParityRecord
from diad_export.components import Component, example_inputs

RELATIVE_LIMIT = 1e-4
BATCHES = (1, 3)
"""A batch of one, and one that the graph was not exported with."""

Array = npt.NDArray[np.float32]


def check_parity(component: Component, path: Path) -> tuple[ParityRecord, ...]:
    """Compare the graph at `path` on ONNX Runtime with its module; the worst batch is recorded.

    Raises:
        ExportError: an output differs by more than `RELATIVE_LIMIT` of its norm.
    """
    session = open_session(path)
    # of all outputs: a graph may have more than its component, to be observed
    names = [spec.name for spec in component.outputs]
    worst: dict[str, ParityRecord] = {}
    for batch in BATCHES:
        inputs = example_inputs(component, batch=batch, seed=batch)
        expected = _run_module(component, inputs)
        feed = {
            spec.name: value.numpy() for spec, value in zip(component.inputs, inputs, strict=True)
        }
        for spec, want, got in zip(
            component.outputs, expected, session.run(names, feed), strict=True
        ):
            record = compare(component.name, spec.name, want, got)
            if spec.name not in worst or record.relative > worst[spec.name].relative:
                worst[spec.name] = record
    too_far = [record for record in worst.values() if not record.relative <= RELATIVE_LIMIT]
    if too_far:
        listed = ", ".join(f"{record.output} by {record.relative:.1e}" for record in too_far)
        raise ExportError(
            f"{component.name}: the exported graph differs from PyTorch ({listed} of its norm; "
            f"at most {RELATIVE_LIMIT:.0e} is allowed); no bundle was written"
        )
    return tuple(worst.values())


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


def _run_module(component: Component, inputs: tuple[Tensor, ...]) -> tuple[Array, ...]:
    with torch.inference_mode():
        result = component.module(*inputs)
    outputs = result if isinstance(result, tuple) else (result,)
    return tuple(output.numpy() for output in outputs)


def open_session(path: Path, *, as_written: bool = False) -> Any:
    """The graph at `path` on ONNX Runtime's CPU.

    Args:
        path: of the graph.
        as_written: run its nodes as they stand. Slower, but float16 weights stay what they are in
            the file, where folding their casts would hold each in float32.

    Raises:
        ExportError: ONNX Runtime refuses it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
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
