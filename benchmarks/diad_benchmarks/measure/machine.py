"""The machine that measures: what it is, and what is installed on it."""

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from diad_deploy.record import Record
from diad_deploy.usable_cores import usable_cores as usable_cores

PACKAGES = (
    "diad_deploy",
    "numpy",
    "torch",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "nvidia-ml-py",
    "tensorrt",
    "tensorrt-rtx-cu13",
    "cuda-bindings",
    "diffusers",
    "timm",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine(Record):
    """What measured.

    Attributes:
        processor: the maker's name for it.
        usable_cores: those that this process may use.
        memory_bytes: None where the system does not tell.
        gpus: NVIDIA's names, memory and drivers, as `nvidia-smi` lists them.
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
    """What this process runs on."""
    cores = os.cpu_count() or 1
    return Machine(
        processor=_processor(),
        cores=cores,
        usable_cores=usable_cores(),
        memory_bytes=_memory_bytes(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        gpus=find_gpus(),
        versions=dict(_versions()),
    )


def find_gpus() -> tuple[str, ...]:
    """NVIDIA GPUs by name, memory and driver; none where there is no `nvidia-smi`."""
    lines = _nvidia_smi("name,memory.total,driver_version")
    return tuple(lines)


def has_gpu() -> bool:
    """Whether there is an NVIDIA GPU, or at least its driver's device (in WSL, of any GPU)."""
    return bool(find_gpus()) or any(Path(name).exists() for name in ("/dev/nvidiactl", "/dev/dxg"))


def device_memory_bytes() -> int | None:
    """Memory in use on all NVIDIA GPUs together; None where there are none."""
    lines = _nvidia_smi("memory.used", "nounits")
    try:
        return sum(int(line) for line in lines) * 1024**2 if lines else None
    except ValueError:  # a GPU that does not tell
        return None


def _nvidia_smi(query: str, *more: str) -> list[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    style = ",".join(("csv", "noheader", *more))
    done = subprocess.run(
        [program, f"--query-gpu={query}", f"--format={style}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return [line.strip() for line in done.stdout.splitlines()] if done.returncode == 0 else []


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not on Windows
        return None


def _versions() -> list[tuple[str, str]]:
    found = []
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return found
