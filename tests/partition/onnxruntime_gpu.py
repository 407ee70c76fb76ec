"""One version of onnxruntime-gpu from the package index, with stand-ins for CUDA's libraries."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.partition.standin_cuda import TOOLS, make_cuda

FIXED_BATCH = 4
_OPENING = Path(__file__).with_name("opening.py")


class NotInstalledError(Exception):
    """This version cannot be installed here; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """The result of one graph with one version.

    Attributes:
        fixed: why it rejects the graph with a fixed batch and no nodes on the CPU; empty if it
            opens it.
        free: why it refuses to capture the graph with a free batch; empty if it does not.
        shape_nodes: number of nodes on the CPU with a free batch; None if it is unknown.
    """

    fixed: str
    free: str
    shape_nodes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxruntimeGpu:
    """An installed onnxruntime-gpu: its version, and the folder that holds it."""

    version: str
    site: Path

    def partition(self, graph: Path) -> Partition:
        """Open `graph` in a separate process, with a fixed batch and with a free one."""
        asked = [
            {"path": str(graph), "batch": FIXED_BATCH, "cuda_graph": False},
            {"path": str(graph), "batch": None, "cuda_graph": True},
        ]
        fixed, free = _run(self.site, asked)["opened"]
        left = free.get("on_cpu")
        return Partition(
            fixed=_refusal(fixed),
            free=free.get("refused", ""),
            shape_nodes=None if left is None else sum(left.values()),
        )


def install(requirement: str, site: Path) -> OnnxruntimeGpu:
    """Install `requirement` (of onnxruntime-gpu) alone into `site`, and create stand-ins for it.

    Raises:
        NotInstalledError: a tool is missing, or pip found no index or no such version.
    """
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise NotInstalledError(f"not installed here: {', '.join(missing)}")
    words = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", site, requirement]
    pip = subprocess.run(words, capture_output=True, text=True)
    if pip.returncode != 0:
        lines = pip.stderr.strip().splitlines() or ["nothing"]
        raise NotInstalledError(f"pip cannot install {requirement}, and says: {lines[-1]}")
    make_cuda(site)
    return OnnxruntimeGpu(version=_run(site, [])["version"], site=site)


def _refusal(fixed: dict) -> str:
    left = fixed.get("on_cpu")
    return fixed.get("refused", "") or (f"on the CPU: {left}" if left else "")


def _run(site: Path, asked: list[dict]) -> dict:
    surroundings = os.environ | {
        "PYTHONPATH": str(site),
        "LD_LIBRARY_PATH": str(site / "cuda"),
        "ORT_DISABLE_TELEMETRY": "1",
    }
    words = [sys.executable, _OPENING, json.dumps(asked)]
    child = subprocess.run(words, capture_output=True, text=True, env=surroundings)
    if child.returncode != 0:
        raise RuntimeError(f"{asked}: ended with {child.returncode}: {child.stderr[-400:]}")
    return json.loads(child.stdout)
