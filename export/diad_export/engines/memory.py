"""How much memory a build needs, and how much there is."""

from pathlib import Path

import psutil

from diad_deploy.bundle.manifest import GraphSpec
from diad_deploy.errors import ExportError

FIXED_BYTES = 800_000_000
"""Libraries, layers and logs, whatever the weights."""

WEIGHTS_FACTOR = 3.3
"""Measured: a float16 UNet of 1.74 GB took 6 GB."""

_WIDTHS = {"float16": 2, "float32": 4}
_GROUP = Path("/sys/fs/cgroup")


def estimate_bytes(graph: GraphSpec) -> int:
    """Memory that building one engine of `graph` takes."""
    weights = graph.parameters * _WIDTHS.get(graph.precision, 4)
    return int(FIXED_BYTES + WEIGHTS_FACTOR * weights)


def available_bytes(group: Path = _GROUP) -> int:
    """Memory available without swapping, on the machine and within the container's limit."""
    available = int(psutil.virtual_memory().available)
    limit = _from_group(group)
    return available if limit is None else min(available, limit)


def check_memory(graph: GraphSpec, available: int | None) -> None:
    """Refuse a build that would need more than there is.

    Raises:
        ExportError: with both numbers.
    """
    needed = estimate_bytes(graph)
    if available is not None and needed > available:
        raise ExportError(
            f"{graph.name}: building its engine takes about {needed / 1e9:.1f} GB of memory, and "
            f"{available / 1e9:.1f} GB are free; free some, build elsewhere and copy the bundle, "
            f"or go on with --no-memory-check"
        )


def _from_group(folder: Path) -> int | None:
    """Bytes left within the container's limit, its file cache included; None without a limit."""
    try:
        limit = (folder / "memory.max").read_text(encoding="ascii").strip()
        used = int((folder / "memory.current").read_text(encoding="ascii"))
        stat = (folder / "memory.stat").read_text(encoding="ascii")
        cached = next(
            (int(line.split()[1]) for line in stat.splitlines() if line.startswith("file ")), 0
        )
        return None if limit == "max" else max(0, int(limit) - used + cached)
    except (OSError, ValueError, IndexError):
        return None
