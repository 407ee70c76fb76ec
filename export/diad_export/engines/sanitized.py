"""Prepares graphs for engines with Polygraphy: lints them and folds constants.

Before: a graph of the bundle. After: the same graph, in which nodes that compute constants smaller
than `FOLDED_BYTES` are replaced by these; types and names stay the same. Only the external data
that folding needs is read, so the folded graph is written beside it.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import onnx

from diad_deploy.bundle.manifest import GraphSpec
from diad_deploy.errors import ExportError

FOLDED_BYTES = 1 << 20
"""Larger constants are not folded: weights stored in float16 behind a Cast are half the size."""

LINTED_BYTES = 1_900_000_000
"""Lint puts the graph and its weights in one protobuf message, which is limited to 2 GB."""

_LINT = "import sys; from polygraphy.tools._main import main; sys.exit(main())"


def lint(path: Path, graph: GraphSpec, *, batch: int) -> bool:
    """Run the graph at `path` node by node on ONNX Runtime, with `polygraphy check lint`.

    It runs in a child process, which returns its memory. Graphs larger than `LINTED_BYTES` are
    skipped; ONNX's checker accepted them when they were exported, and TensorRT's parser is next.

    Args:
        path: of the graph.
        graph: its inputs and name.
        batch: batch size.

    Returns:
        Whether the graph was checked.

    Raises:
        ExportError: names the first node that fails, and the number of others.
    """
    if sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*")) > LINTED_BYTES:
        return False
    faults = _run_lint(path, graph, batch)
    if faults:
        raise ExportError(
            f"{graph.name}: Polygraphy's lint rejects the graph: {faults[0]}{_more(faults)}; build "
            f"the bundle again with `diad-export build`"
        )
    return True


def _run_lint(path: Path, graph: GraphSpec, batch: int) -> list[str]:
    """Run `polygraphy check lint`; returns the faults in its report."""
    with tempfile.TemporaryDirectory(prefix="diad-lint-") as scratch:
        report = Path(scratch) / "lint.json"
        arguments = ["check", "lint", str(path), "-o", str(report), "--input-shapes"]
        done = subprocess.run(
            [sys.executable, "-c", _LINT, *arguments, *_shapes(graph, batch)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if not report.exists():
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise ExportError(
                f"{graph.name}: Polygraphy's lint could not run: {' '.join(last)[:300]}; install "
                f'it with pip install "diad_deploy[cpu,export]"'
            )
        return _faults(report)


@contextmanager
def folded(path: Path) -> Iterator[Path]:
    """A copy of the graph beside `path` with its constants folded; removed at the end."""
    from polygraphy.backend.onnx import fold_constants

    copy = path.with_name(f"{path.stem}.folded.onnx")
    # ONNX resolves external data from the working folder; the worker process needs no other
    with chdir(path.parent):
        model = onnx.load(path, load_external_data=False)
        model = fold_constants(
            model, size_threshold=FOLDED_BYTES, allow_onnxruntime_shape_inference=False
        )
    try:
        onnx.save(model, copy)
        del model
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _shapes(graph: GraphSpec, batch: int) -> list[str]:
    """Shapes of the inputs in the syntax of Polygraphy's command line."""
    sizes = {
        spec.name: [d if isinstance(d, int) else batch for d in spec.shape] for spec in graph.inputs
    }
    return [f"{name}:[{','.join(map(str, shape))}]" for name, shape in sizes.items()]


def _faults(report: Path) -> list[str]:
    entries: list[dict[str, Any]] = json.loads(report.read_text())["lint_entries"]
    return [_format_entry(entry) for entry in entries if entry["level"] == "exception"]


def _format_entry(entry: dict[str, Any]) -> str:
    nodes = entry.get("nodes") or []
    where = f"node {nodes[0]!r}: " if nodes else ""
    return where + " ".join(str(entry["message"]).split())[:300]


def _more(faults: list[str]) -> str:
    return f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
