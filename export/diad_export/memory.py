"""Memory that nothing uses any more, given back to the system."""

import ctypes
import gc
import sys


def give_back_memory() -> None:
    """Collect what is unreachable, and have the C library return what it keeps for later.

    Weights come and go in pieces of megabytes, of which glibc keeps gigabytes by itself.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:  # glibc has it, other C libraries need not
            trim(0)
