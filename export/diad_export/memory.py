"""Returns freed memory to the system."""

import ctypes
import gc
import sys


def release_memory() -> None:
    """Collect garbage, and make the C library return its free memory to the system.

    Weights are allocated and freed in blocks of megabytes, of which glibc keeps gigabytes.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:  # glibc has it, other C libraries may not
            trim(0)
