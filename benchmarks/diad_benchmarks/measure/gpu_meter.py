"""A GPU's memory and energy, read from NVIDIA's management library (NVML).

Memory is that of the whole GPU. Only one backend runs at a time, so any growth meanwhile belongs to
it. This also works in containers, where NVML sees processes under other numbers.
"""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

T = TypeVar("T")


class GpuMeter:
    """Reads the first GPU visible to this process; None for what cannot be read.

    Attributes:
        fault: why nothing can be read; None if it can.
    """

    def __init__(self, nvml: Any | None, handle: Any, fault: str | None) -> None:
        self._nvml, self._handle = nvml, handle
        self.fault = fault

    @classmethod
    def open(cls) -> "GpuMeter":
        """Load the library and find the GPU; never fails."""
        try:
            nvml = import_module("pynvml")
        except ImportError:
            return cls(
                None, None, 'nvidia-ml-py is not installed: pip install "diad_deploy[benchmarks]"'
            )
        try:
            nvml.nvmlInit()
            return cls(nvml, _first_visible(nvml), None)
        except nvml.NVMLError as error:
            return cls(None, None, f"NVML cannot be used: {error}")

    def total_bytes(self) -> int | None:
        """The GPU's memory."""
        return self._read(lambda nvml: int(nvml.nvmlDeviceGetMemoryInfo(self._handle).total))

    def used_bytes(self) -> int | None:
        """Memory in use on the GPU, by all processes."""
        return self._read(lambda nvml: int(nvml.nvmlDeviceGetMemoryInfo(self._handle).used))

    def energy_j(self) -> float | None:
        """Joules used since the driver was loaded; GPUs count them from Volta on.

        The counter moves about ten times per second: use differences over a second or more.
        """
        return self._read(
            lambda nvml: 1e-3 * float(nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))
        )

    def describe_gpus(self) -> tuple[str, ...]:
        """The name, memory and driver of every GPU of the machine."""
        return self._read(_describe_gpus) or ()

    def _read(self, read: Callable[[Any], T]) -> T | None:
        if self._nvml is None:
            return None
        try:
            return read(self._nvml)
        except self._nvml.NVMLError:  # not supported by this GPU
            return None


def _first_visible(nvml: Any) -> Any:
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "").partition(",")[0].strip()
    if first.startswith("GPU-"):
        return nvml.nvmlDeviceGetHandleByUUID(first)
    return nvml.nvmlDeviceGetHandleByIndex(int(first) if first.isdigit() else 0)


def _describe_gpus(nvml: Any) -> tuple[str, ...]:
    driver = nvml.nvmlSystemGetDriverVersion()
    handles = map(nvml.nvmlDeviceGetHandleByIndex, range(nvml.nvmlDeviceGetCount()))
    return tuple(
        f"{nvml.nvmlDeviceGetName(handle)}, "
        f"{nvml.nvmlDeviceGetMemoryInfo(handle).total // 2**20} MiB, {driver}"
        for handle in handles
    )
