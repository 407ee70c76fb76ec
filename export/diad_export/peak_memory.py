"""The most memory that this process ever held."""

import sys


def peak_memory_bytes() -> int | None:
    """Largest resident set so far, mapped files' pages included; `None` where no one counts it."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024
