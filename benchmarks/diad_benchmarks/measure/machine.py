"""The machine that runs the benchmark, and what is installed on it."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from diad_benchmarks.measure.gpu_meter import GpuMeter
from diad_deploy.record import Record
from diad_deploy.usable_cores import usable_cores

PACKAGES = (
    *("diad_deploy", "numpy", "torch", "onnx", "onnxruntime", "onnxruntime-gpu", "openvino"),
    *("nvidia-ml-py", "tensorrt", "tensorrt-rtx-cu13", "cuda-bindings", "diffusers", "timm"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine(Record):
    """The machine of a run.

    Attributes:
        processor: its name.
        usable_cores: number of cores that this process may use.
        memory_bytes: None if unknown.
        gpus: name, memory and driver of every NVIDIA GPU.
        versions: of the relevant packages.
    """

    processor: str
    cores: int
    usable_cores: int
    memory_bytes: int | None
    system: str
    python: str
    gpus: tuple[str, ...]
    versions: dict[str, str]


def describe_machine() -> Machine:
    """Describe this machine."""
    import cpuinfo
    import psutil

    processor = cpuinfo.get_cpu_info().get("brand_raw")
    return Machine(
        processor=processor or platform.processor() or platform.machine(),
        cores=os.cpu_count() or 1,
        usable_cores=usable_cores(),
        memory_bytes=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        gpus=GpuMeter.open().describe_gpus(),
        versions=_versions(),
    )


def has_gpu() -> bool:
    """Whether NVIDIA's driver has a device here (in WSL, the device of any GPU)."""
    return any(Path(name).exists() for name in ("/dev/nvidiactl", "/dev/dxg"))


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
