"""Returns freed memory to the system."""

import ctypes
import gc
import sys


def give_back_memory() -> None:
    """Collect garbage, and have the C library return the memory that it keeps for later.

    Weights are allocated and freed in pieces of megabytes, of which glibc keeps gigabytes.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:  # glibc has it, other C libraries may not
            trim(0)
