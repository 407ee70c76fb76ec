"""Graphs before engines are built from them: linted, and their constants folded, by Polygraphy.

Before: a graph as the bundle has it. After: the same nodes, but for those that compute constants
of less than `FOLDED_BYTES`; types and names stay. Weights in a file of their own are not read, but
for the few that folding needs, so the folded graph has to lie beside them.
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
"""Larger constants stay as they are stored: weights in float16 behind a Cast are half the size."""

LINTED_BYTES = 1_900_000_000
"""Lint puts the whole graph, weights and all, into one protobuf message, which ends at 2 GB."""

_LINT = "import sys; from polygraphy.tools._main import main; sys.exit(main())"


def lint(path: Path, graph: GraphSpec, *, batch: int) -> bool:
    """Have Polygraphy run the graph at `path` node by node on ONNX Runtime.

    It runs in a process of its own, whose memory ends with it. Gives whether it ran: a graph of
    more than `LINTED_BYTES` is left to ONNX's own checker, which saw it when it was exported, and
    to TensorRT's parser.

    Args:
        path: of the graph.
        graph: its inputs and name.
        batch: images a batch.

    Raises:
        ExportError: names the first node at fault, and how many more there are.
    """
    if sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*")) > LINTED_BYTES:
        return False
    with tempfile.TemporaryDirectory(prefix="diad-lint-") as scratch:
        report = Path(scratch) / "lint.json"
        words = ["check", "lint", str(path), "-o", str(report), "--input-shapes"]
        done = subprocess.run(
            [sys.executable, "-c", _LINT, *words, *_shapes(graph, batch)],
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
        faults = _faults(report)
    if faults:
        raise ExportError(
            f"{graph.name}: Polygraphy's lint refuses the graph: {faults[0]}{_more(faults)}; build "
            f"the bundle again with `diad-export build`"
        )
    return True


@contextmanager
def folded(path: Path) -> Iterator[Path]:
    """A copy of the graph beside `path` with its constants folded; it goes at the end."""
    from polygraphy.backend.onnx import fold_constants

    copy = path.with_name(f"{path.stem}.folded.onnx")
    # weights are looked for where the process stands, and a worker has nothing else to look for
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
    """The inputs' shapes as Polygraphy's command takes them."""
    sizes = {
        spec.name: [d if isinstance(d, int) else batch for d in spec.shape] for spec in graph.inputs
    }
    return [f"{name}:[{','.join(map(str, shape))}]" for name, shape in sizes.items()]


def _faults(report: Path) -> list[str]:
    entries: list[dict[str, Any]] = json.loads(report.read_text())["lint_entries"]
    return [_told(entry) for entry in entries if entry["level"] == "exception"]


def _told(entry: dict[str, Any]) -> str:
    nodes = entry.get("nodes") or []
    where = f"node {nodes[0]!r}: " if nodes else ""
    return where + " ".join(str(entry["message"]).split())[:300]


def _more(faults: list[str]) -> str:
    return f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
