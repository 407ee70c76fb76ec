"""A replacement for libcuda that answers from a table."""

import ctypes
from dataclasses import dataclass
from typing import Any

import pytest

GIB = 2**30
NAMES = {2: b"CUDA_ERROR_OUT_OF_MEMORY", 100: b"CUDA_ERROR_NO_DEVICE", 803: None}


@dataclass
class StandInDriver:
    """`library.cuInit(0)`, and so on; `fails` holds the error of a function by its name."""

    cuda: int = 13000
    cards: tuple[tuple[str, int, int], ...] = (("NVIDIA L4", 8, 9),)
    free_bytes: int = 20 * GIB
    fails: dict[str, int] | None = None

    def __getattr__(self, function: str) -> Any:
        if not function.startswith("cu"):
            raise AttributeError(function)
        error = (self.fails or {}).get(function, 0)
        return lambda *arguments: error or self._answer(function, arguments)

    def _answer(self, function: str, arguments: tuple[Any, ...]) -> int:
        first = arguments[0]
        if function == "cuDriverGetVersion":
            first.contents.value = self.cuda
        elif function == "cuDeviceGetCount":
            first.contents.value = len(self.cards)
        elif function == "cuDeviceGet":
            first.contents.value = arguments[1]
        elif function == "cuDeviceGetName":
            first.value = self.cards[arguments[2].value][0].encode()
        elif function == "cuDeviceGetAttribute":
            first.contents.value = self.cards[arguments[2].value][arguments[1] - 74]
        elif function == "cuMemGetInfo_v2":
            first.contents.value, arguments[1].contents.value = self.free_bytes, 22 * GIB
        elif function == "cuGetErrorName":
            arguments[1].contents.value = NAMES[first]
        return 0


def use_driver(monkeypatch: pytest.MonkeyPatch, driver: StandInDriver | None) -> None:
    """Replace the system's driver by this one, or by none."""

    def load(name: str) -> StandInDriver:
        if driver is None:
            raise OSError(f"{name}: cannot open shared object file")
        return driver

    monkeypatch.setattr(ctypes, "CDLL", load)
