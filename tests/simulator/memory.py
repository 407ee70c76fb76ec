"""Memory that tracks allocations: any other access is an error."""

import bisect
from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["device", "pinned"]
ALIGNMENT = 256
NOT_A_NUMBER = 0xFF
"""Four of these bytes are NaN as float32, so that uninitialized memory is noticed."""


class SimulationFault(AssertionError):
    """A fault that causes wrong numbers or a crash on a real GPU."""


@dataclass
class Allocation:
    kind: Kind
    address: int
    size: int
    buffer: np.ndarray
    device: int
    live: bool = True

    @property
    def data(self) -> np.ndarray:
        first = self.address - self.buffer.ctypes.data
        return self.buffer[first : first + self.size]


class SimulatedMemory:
    """Allocations by address. Freed memory is overwritten, and its address is never reused."""

    def __init__(self) -> None:
        self._addresses: list[int] = []
        self._allocations: dict[int, Allocation] = {}

    def allocate(self, kind: Kind, size: int, *, device: int = 0) -> int:
        buffer = np.full(size + ALIGNMENT, NOT_A_NUMBER, dtype=np.uint8)
        address = -(-buffer.ctypes.data // ALIGNMENT) * ALIGNMENT
        bisect.insort(self._addresses, address)
        self._allocations[address] = Allocation(kind, address, size, buffer, device)
        return address

    def free(self, kind: Kind, address: int) -> bool:
        """Free memory of this kind; returns whether it was allocated."""
        found = self._allocations.get(address)
        if found is None or found.kind != kind or not found.live:
            return False
        found.data[:] = NOT_A_NUMBER
        found.live = False
        return True

    def view(self, kind: Kind, address: int, size: int, *, device: int | None = None) -> np.ndarray:
        """The bytes, which must be within one live allocation of this kind on `device`.

        Pinned memory belongs to the host and can be used by every device.
        """
        place = bisect.bisect_right(self._addresses, address) - 1
        found = self._allocations[self._addresses[place]] if place >= 0 else None
        if found is None or address + size > found.address + found.size:
            raise SimulationFault(f"{size} bytes at {address:#x} are not {kind} memory")
        if not found.live:
            raise SimulationFault(f"{size} bytes at {address:#x} were freed")
        if found.kind != kind:
            raise SimulationFault(f"{address:#x} is {found.kind} memory, not {kind}")
        if kind == "device" and device not in (None, found.device):
            raise SimulationFault(
                f"{address:#x} is memory of device {found.device}, used on device {device}"
            )
        first = address - found.address
        return found.data[first : first + size]

    def live(self, kind: Kind) -> int:
        return sum(a.live and a.kind == kind for a in self._allocations.values())

    def live_bytes(self, kind: Kind, *, device: int) -> int:
        return sum(
            a.size
            for a in self._allocations.values()
            if a.live and a.kind == kind and a.device == device
        )
