"""The most memory that a process and its children ever held."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

INTERVAL_SECONDS = 0.1
_PROC = Path("/proc")


@dataclass(slots=True, kw_only=True)
class PeakMemory:
    """Of a process and all its children at one moment, in bytes; 0 where nobody counts it.

    Attributes:
        own_bytes: what the system has to hold: everything but pages of mapped files.
        resident_bytes: with these pages, which the system may take away and read again. A page
            that two mappings show counts twice.
    """

    own_bytes: int = 0
    resident_bytes: int = 0

    def __str__(self) -> str:
        return (
            f"at most {self.own_bytes / 1e9:.1f} GB of memory, "
            f"{self.resident_bytes / 1e9:.1f} GB with pages of mapped files"
        )


@contextmanager
def watch_memory(interval_seconds: float = INTERVAL_SECONDS) -> Iterator[PeakMemory]:
    """Look again and again, on Linux; what is given rises until the end."""
    peak, done = PeakMemory(), threading.Event()

    def look() -> None:
        own, resident = _tree_bytes(os.getpid())
        peak.own_bytes = max(peak.own_bytes, own)
        peak.resident_bytes = max(peak.resident_bytes, resident)

    def watch() -> None:
        while not done.wait(interval_seconds):
            look()

    watcher = threading.Thread(target=watch, daemon=True)
    look()
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
        look()


def peak_memory_bytes() -> int | None:
    """Largest resident set so far of this process alone, mapped files' pages included.

    `None` where no one counts it.
    """
    try:
        status = (_PROC / "self" / "status").read_text(encoding="ascii", errors="replace")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError, StopIteration):
        return _counted_bytes()


def _counted_bytes() -> int | None:
    """Where there is no /proc; a process takes over the peak of the one that started it."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024


def _tree_bytes(process: int) -> tuple[int, int]:
    """Own and resident bytes of a process and its children; 0 of those that end meanwhile."""
    try:
        status = (_PROC / str(process) / "status").read_text(encoding="ascii", errors="replace")
        tasks = list((_PROC / str(process) / "task").iterdir())
        children = " ".join((task / "children").read_text(encoding="ascii") for task in tasks)
    except OSError:
        return 0, 0
    sizes = {
        name: int(value.split()[0]) * 1024
        for name, _, value in (line.partition(":") for line in status.splitlines())
        if name in ("RssAnon", "RssFile", "RssShmem")
    }
    own = sizes.get("RssAnon", 0) + sizes.get("RssShmem", 0)
    resident = own + sizes.get("RssFile", 0)
    for child in children.split():
        more = _tree_bytes(int(child))
        own, resident = own + more[0], resident + more[1]
    return own, resident
