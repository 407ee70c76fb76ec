"""What is counted, and what is not."""

import mmap
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from diad_export.peak_memory import PeakMemory, peak_memory_bytes, watch_memory

MEGABYTES = 1_000_000
HOLDING = (
    "import sys; held = bytearray(b'x') * 80_000_000; print('held', flush=True); sys.stdin.read()"
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system counts it on Linux")


def test_memory_counts_though_it_goes_again() -> None:
    with watch_memory(0.01) as before:
        pass
    with watch_memory(0.01) as peak:
        held = np.ones(10_000_000)
        start = held.sum()
        while peak.own_bytes < before.own_bytes + 70 * MEGABYTES:
            start += held.sum()
        del held
    assert peak.own_bytes < before.own_bytes + 400 * MEGABYTES
    assert peak.resident_bytes > peak.own_bytes


def test_a_child_s_memory_counts(tmp_path: Path) -> None:
    with watch_memory(0.01) as before:
        pass
    with watch_memory(0.01) as peak:
        child = subprocess.Popen(
            [sys.executable, "-c", HOLDING], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        child.stdout.readline()
        while peak.own_bytes < before.own_bytes + 80 * MEGABYTES:
            assert child.poll() is None
        child.communicate()
    assert peak.own_bytes < before.own_bytes + 400 * MEGABYTES


def test_pages_of_a_mapped_file_are_counted_separately(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(60 * MEGABYTES))
    with watch_memory(0.01) as before:
        pass
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        touched = np.frombuffer(mapped, dtype=np.uint8)[::4096].sum()
        with watch_memory(0.01) as peak:
            pass
    assert touched == 0
    assert peak.resident_bytes >= before.resident_bytes + 50 * MEGABYTES
    assert peak.own_bytes < before.own_bytes + 30 * MEGABYTES


def test_both_figures_are_printed() -> None:
    peak = PeakMemory(own_bytes=9_120_000_000, resident_bytes=15_040_000_000)
    assert str(peak) == "at most 9.1 GB of memory, 15.0 GB with pages of mapped files"
    own = peak_memory_bytes()
    assert own is not None
    assert own > MEGABYTES
