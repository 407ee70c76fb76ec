"""Queries of the NVIDIA driver and its GPUs, before any CUDA library is loaded.

Without a driver, or with an old one, each library fails in its own way, and some abort the process.
The driver itself can always be queried: it is a system library that needs no Python package.
"""

import ctypes
import sys
from dataclasses import dataclass
from typing import Any

from diad_deploy.errors import BackendError

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
OLDEST_DRIVER = {12: 525, 13: 580}
"""The oldest driver that supports a CUDA major version."""
OLDEST_CARD = (7, 5)
"""The oldest compute capability that CUDA 13 and cuDNN 9 support: Turing."""

_SUCCESS = 0
_MAJOR, _MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR."""
_GIB = 2**30

_HINTS = {
    "CUDA_ERROR_NO_DEVICE": (
        "expected an NVIDIA GPU that this process may use; check that `nvidia-smi` lists it and "
        "that CUDA_VISIBLE_DEVICES does not hide it, and start containers with --gpus all"
    ),
    "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH": (
        "the kernel module and the libraries of the driver have different versions, as after an "
        "update; reboot"
    ),
    "CUDA_ERROR_SYSTEM_NOT_READY": (
        "on a machine with NVSwitch, run: sudo systemctl start nvidia-fabricmanager"
    ),
    "CUDA_ERROR_STUB_LIBRARY": (
        f"this {LIBRARY} is the CUDA toolkit's stub; remove its folder from LD_LIBRARY_PATH"
    ),
    "CUDA_ERROR_DEVICE_UNAVAILABLE": (
        "another process uses the GPU exclusively; end it, or run: sudo nvidia-smi -c DEFAULT"
    ),
    "CUDA_ERROR_OUT_OF_MEMORY": (
        "other programs use the GPU's memory; end some of those that `nvidia-smi` lists"
    ),
}
_DEFAULT_HINT = "check that `nvidia-smi` lists the GPU; if not, reboot or install its driver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A GPU.

    Attributes:
        index: N of `--device cuda:N`.
        name: NVIDIA's name of it.
        compute_capability: such as (8, 9).
        memory_bytes: total memory.
        free_bytes: memory that other programs do not use.
    """

    index: int
    name: str
    compute_capability: tuple[int, int]
    memory_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NvidiaDriver:
    """The newest CUDA version the driver supports, such as (13, 0), and its GPUs (at least one)."""

    cuda: tuple[int, int]
    cards: tuple[Card, ...]


def query_driver(cuda_major: int) -> NvidiaDriver:
    """Query the driver and its GPUs.

    Args:
        cuda_major: the CUDA version that the installed libraries are built for: 12 or 13.

    Raises:
        BackendError: there is no driver or no GPU, the driver does not start, or it is too old
            for that CUDA version. The message is one line.
    """
    call = _Calls(_load(cuda_major))
    number = ctypes.c_int()
    call("cuDriverGetVersion", ctypes.pointer(number))
    cuda = (number.value // 1000, number.value % 1000 // 10)
    # checked before cuInit, since an old driver may not start with a new GPU
    if cuda[0] < cuda_major:
        raise BackendError(
            f"the NVIDIA driver is too old: expected {_expected(cuda_major)}, which the installed "
            f"libraries are built for, found one for CUDA {cuda[0]}.{cuda[1]}; "
            f"{_how_to_install(cuda_major)}{_or_older_libraries(cuda_major)}"
        )
    call("cuInit", 0)
    call("cuDeviceGetCount", ctypes.pointer(number))
    return NvidiaDriver(cuda=cuda, cards=tuple(_card(call, i) for i in range(number.value)))


def check_card(card: Card, *, needs_bytes: int = 0) -> None:
    """Check that the GPU is new enough and has `needs_bytes` of free memory.

    Raises:
        BackendError: it is too old, or has less free memory.
    """
    if card.compute_capability < OLDEST_CARD:
        found = ".".join(map(str, card.compute_capability))
        raise BackendError(
            f"{card.name} is too old: expected compute capability "
            f"{'.'.join(map(str, OLDEST_CARD))} or newer (Turing: RTX 20, T4), found {found}; "
            f"select another GPU with CUDA_VISIBLE_DEVICES, or use --device cpu"
        )
    if card.free_bytes < needs_bytes:
        raise BackendError(
            f"{card.name}: not enough memory: expected {needs_bytes / _GIB:.1f} GiB free, found "
            f"{card.free_bytes / _GIB:.1f} of {card.memory_bytes / _GIB:.1f}; end some of the "
            f"programs that `nvidia-smi` lists, or select another GPU with CUDA_VISIBLE_DEVICES"
        )


def _load(cuda_major: int) -> Any:
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise BackendError(
            f"no NVIDIA driver found: {LIBRARY} cannot be loaded; expected "
            f"{_expected(cuda_major)}; {_how_to_install(cuda_major)}, or use --device cpu"
        ) from error


def _expected(cuda_major: int) -> str:
    return f"driver {OLDEST_DRIVER[cuda_major]} or newer for CUDA {cuda_major}"


def _how_to_install(cuda_major: int) -> str:
    if sys.platform == "win32":
        return "install it from NVIDIA's driver page"
    package = f"nvidia-driver-{OLDEST_DRIVER[cuda_major]}"
    return f"sudo apt-get install {package} (in a container: docker run --gpus all)"


def _or_older_libraries(cuda_major: int) -> str:
    return ', or pip install "diad_deploy[gpu-cuda12]" for CUDA 12' if cuda_major == 13 else ""


class _Calls:
    """Calls functions of the driver and raises their errors."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def __call__(self, function: str, *arguments: Any) -> None:
        error = getattr(self._library, function)(*arguments)
        if error == _SUCCESS:
            return
        found = ctypes.c_char_p()
        self._library.cuGetErrorName(error, ctypes.pointer(found))
        name = (found.value or b"error %d" % error).decode()
        hint = _HINTS.get(name, _DEFAULT_HINT)
        raise BackendError(f"the NVIDIA driver returned {name} from {function}; {hint}")


def _card(call: _Calls, index: int) -> Card:
    device, number = ctypes.c_int(), ctypes.c_int()
    call("cuDeviceGet", ctypes.pointer(device), index)
    name = ctypes.create_string_buffer(256)
    call("cuDeviceGetName", name, len(name), device)
    capability = []
    for attribute in (_MAJOR, _MINOR):
        call("cuDeviceGetAttribute", ctypes.pointer(number), attribute, device)
        capability.append(number.value)
    context = ctypes.c_void_p()
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    # free memory can only be queried in a context; the one that all libraries share is used
    call("cuDevicePrimaryCtxRetain", ctypes.pointer(context), device)
    try:
        call("cuCtxPushCurrent_v2", context)
        call("cuMemGetInfo_v2", ctypes.pointer(free), ctypes.pointer(total))
        call("cuCtxPopCurrent_v2", ctypes.pointer(context))
    finally:
        call("cuDevicePrimaryCtxRelease_v2", device)
    return Card(
        index=index,
        name=name.value.decode(errors="replace"),
        compute_capability=(capability[0], capability[1]),
        memory_bytes=total.value,
        free_bytes=free.value,
    )
