"""Memory and energy as NVML gives them, and None where it does not."""

import sys
from types import SimpleNamespace

import pytest

from diad_benchmarks.measure.gpu_meter import GpuMeter


class FakeNvmlError(Exception):
    """NVML's own."""


class FakeNvml:
    """Two GPUs; the second one does not count energy."""

    NVMLError = FakeNvmlError

    def nvmlInit(self) -> None:
        pass

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index > 1:
            raise FakeNvmlError("Invalid Argument")
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:
        return int(uuid.removeprefix("GPU-"))

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(total=80 * 10**9, used=(1 + handle) * 10**9)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:
        if handle == 1:
            raise FakeNvmlError("Not Supported")
        return 12_500


@pytest.fixture(autouse=True)
def nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_the_first_gpu_is_read() -> None:
    meter = GpuMeter.open()
    assert meter.fault is None
    assert (meter.total_bytes(), meter.used_bytes()) == (80 * 10**9, 10**9)
    assert meter.energy_j() == 12.5


@pytest.mark.parametrize("seen", ["1", "GPU-1,GPU-0"])
def test_the_process_sees_another_one(monkeypatch: pytest.MonkeyPatch, seen: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    meter = GpuMeter.open()
    assert meter.used_bytes() == 2 * 10**9
    assert meter.energy_j() is None


def test_what_cannot_be_read_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert GpuMeter.open().fault == "NVML cannot be used: Invalid Argument"
    monkeypatch.setitem(sys.modules, "pynvml", None)
    meter = GpuMeter.open()
    assert "nvidia-ml-py is not installed" in (meter.fault or "")
    assert meter.total_bytes() is meter.used_bytes() is meter.energy_j() is None
