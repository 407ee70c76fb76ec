"""What is freed goes back to the system."""

import sys

import numpy as np
import pytest

from diad_export.memory import release_memory
from diad_export.peak_memory import watch_memory

PIECES = 4000
PIECE_BYTES = 30_000
"""Below what the C library maps by itself, so that it would keep them."""


@pytest.mark.skipif(
    sys.platform != "linux", reason="only glibc keeps free memory and can return it"
)
def test_freed_memory_is_returned() -> None:
    release_memory()
    with watch_memory() as before:
        pass
    held = [np.ones(PIECE_BYTES, dtype=np.uint8) for _ in range(PIECES)]
    # one that stays at the end keeps the heap from shrinking by itself
    last = np.ones(PIECE_BYTES, dtype=np.uint8)
    del held
    release_memory()
    with watch_memory() as after:
        pass
    assert last.any()
    assert after.own_bytes < before.own_bytes + PIECES * PIECE_BYTES // 4
