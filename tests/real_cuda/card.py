"""The machine's NVIDIA GPU; tests that request it are skipped with a reason if there is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pytest

MIB = 2**20
PAGE_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The first GPU, and the number of GPUs."""

    runtime: Any
    name: str
    compute_capability: str
    count: int

    def free_bytes(self) -> int:
        """Free memory, after all work is done."""
        _check(self.runtime.cudaDeviceSynchronize())
        free, _ = _check(self.runtime.cudaMemGetInfo())
        return int(free)

    @contextmanager
    def full(self) -> Iterator[None]:
        """Allocate all its memory, except for less than a page."""
        taken = []
        size = self.free_bytes()
        try:
            while size >= PAGE_BYTES:
                error, address = self.runtime.cudaMalloc(size)
                if int(error):
                    size //= 2
                else:
                    taken.append(address)
            yield
        finally:
            for address in taken:
                self.runtime.cudaFree(address)
            # a failed allocation stays the thread's last error until it is read
            self.runtime.cudaGetLastError()


@pytest.fixture(scope="session")
def card() -> Card:
    """The GPU."""
    try:
        runtime = import_module("cuda.bindings.runtime")
    except ImportError as error:
        pytest.skip(f"needs an NVIDIA GPU: cuda-bindings cannot be imported: {error}")
    error, count = runtime.cudaGetDeviceCount()
    if int(error) or not count:
        pytest.skip(f"needs an NVIDIA GPU: CUDA says {error.name}")
    (properties,) = _check(runtime.cudaGetDeviceProperties(0))
    return Card(
        runtime=runtime,
        name=properties.name.decode().rstrip("\0"),
        compute_capability=f"{properties.major}.{properties.minor}",
        count=count,
    )


def _check(answer: tuple[Any, ...]) -> tuple[Any, ...]:
    error, *values = answer
    assert not int(error), error.name
    return tuple(values)
