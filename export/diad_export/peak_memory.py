"""Peak memory of this process and its children."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

INTERVAL_SECONDS = 0.1


@dataclass(slots=True, kw_only=True)
class PeakMemory:
    """Peak memory of a process and all its children together, in bytes.

    Attributes:
        own_bytes: without shared memory, such as pages of mapped files.
        resident_bytes: with mapped pages, which the system may drop and read again. A page in
            two mappings counts twice.
    """

    own_bytes: int = 0
    resident_bytes: int = 0

    def __str__(self) -> str:
        return (
            f"at most {self.own_bytes / 1e9:.1f} GB of memory, "
            f"{self.resident_bytes / 1e9:.1f} GB with pages of mapped files"
        )

    def update(self) -> None:
        """Measure now, and keep the maxima."""
        own = resident = 0
        root = psutil.Process()
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.Error):  # the process has ended
                memory = process.memory_info()
                resident += memory.rss
                own += memory.rss - getattr(memory, "shared", 0)
        self.own_bytes = max(self.own_bytes, own)
        self.resident_bytes = max(self.resident_bytes, resident)


@contextmanager
def watch_memory(interval_seconds: float = INTERVAL_SECONDS) -> Iterator[PeakMemory]:
    """Measure in a thread until the context ends, updating the yielded figures."""
    peak, done = PeakMemory(), threading.Event()

    def watch() -> None:
        while not done.wait(interval_seconds):
            peak.update()

    watcher = threading.Thread(target=watch, daemon=True)
    peak.update()
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
        peak.update()


def peak_memory_bytes() -> int | None:
    """Largest resident set of this process so far, including mapped pages; None if unknown."""
    # psutil lacks this, and ru_maxrss on Linux includes the process before exec
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError, StopIteration):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024
