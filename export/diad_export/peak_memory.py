"""The most memory that this process ever held."""

import sys
from pathlib import Path


def peak_memory_bytes() -> int | None:
    """Largest resident set so far, mapped files' pages included; `None` where no one counts it."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024


def own_peak_memory_bytes() -> int | None:
    """The same of this process alone: what `getrusage` counts takes over the parent's peak."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError, StopIteration):
        return peak_memory_bytes()
