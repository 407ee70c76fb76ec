"""A GPU's memory and energy, read from NVIDIA's management library (NVML).

Memory is that of the whole GPU: the rows take turns, so what it grows by during a row's turn is
that row's, which also holds in containers, where NVML does not know a process by its own number.
"""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

from diad_benchmarks.measure.machine import device_memory_bytes

T = TypeVar("T")
MODULE = "pynvml"


class GpuMeter:
    """Reads the first GPU that this process sees; None for whatever cannot be read.

    Attributes:
        fault: why it reads nothing; None where it does.
    """

    def __init__(self, nvml: Any | None, handle: Any, fault: str | None) -> None:
        self._nvml, self._handle = nvml, handle
        self.fault = fault

    @classmethod
    def open(cls) -> "GpuMeter":
        """Load the library and find the GPU; never fails."""
        try:
            nvml = import_module(MODULE)
        except ImportError:
            return cls(
                None, None, 'nvidia-ml-py is not installed: pip install "diad_deploy[benchmarks]"'
            )
        try:
            nvml.nvmlInit()
            return cls(nvml, _first_seen(nvml), None)
        except nvml.NVMLError as error:
            return cls(None, None, f"NVML cannot be used: {error}")

    def total_bytes(self) -> int | None:
        """The GPU's memory."""
        return self._read(lambda nvml: int(nvml.nvmlDeviceGetMemoryInfo(self._handle).total))

    def used_bytes(self) -> int | None:
        """Memory in use on the GPU, by whatever process."""
        return self._read(lambda nvml: int(nvml.nvmlDeviceGetMemoryInfo(self._handle).used))

    def used_bytes_slowly(self) -> int | None:
        """The same, by `nvidia-smi` where NVML cannot be used."""
        found = self.used_bytes()
        return device_memory_bytes() if found is None else found

    def energy_j(self) -> float | None:
        """Joules that the GPU has taken since its driver was loaded; Volta and later count them.

        The counter moves some ten times a second: take differences over a second and more.
        """
        return self._read(
            lambda nvml: 1e-3 * float(nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))
        )

    def _read(self, read: Callable[[Any], T]) -> T | None:
        if self._nvml is None:
            return None
        try:
            return read(self._nvml)
        except self._nvml.NVMLError:  # a GPU that does not tell
            return None


def _first_seen(nvml: Any) -> Any:
    """The first GPU of CUDA_VISIBLE_DEVICES, or of all."""
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "").partition(",")[0].strip()
    if first.startswith("GPU-"):
        return nvml.nvmlDeviceGetHandleByUUID(first)
    return nvml.nvmlDeviceGetHandleByIndex(int(first) if first.isdigit() else 0)
