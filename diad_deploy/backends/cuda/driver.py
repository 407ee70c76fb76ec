"""What NVIDIA's driver says of itself and of its cards, asked before any library of CUDA's.

A library that meets no driver, or an old one, answers in its own way, and some of them abort. The
driver alone can always be asked: it is one system library, and needs nothing that pip installs.
"""

import ctypes
import sys
from dataclasses import dataclass
from typing import Any

from diad_deploy.errors import BackendError

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
OLDEST_DRIVER = {12: 525, 13: 580}
"""The oldest driver that runs programs made with a CUDA of this major version."""
OLDEST_CARD = (7, 5)
"""The oldest compute capability that CUDA 13 and today's cuDNN 9 run on: Turing."""

_CLEAN = 0
_MAJOR, _MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR."""
_GIB = 2**30

_WAYS_OUT = {
    "CUDA_ERROR_NO_DEVICE": (
        "expected an NVIDIA GPU that this process may use; see that `nvidia-smi` lists it and that "
        "CUDA_VISIBLE_DEVICES does not hide it, and start a container with --gpus all"
    ),
    "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH": (
        "the driver's parts are of two versions, as after an update; reboot"
    ),
    "CUDA_ERROR_SYSTEM_NOT_READY": (
        "on a machine with NVSwitch: sudo systemctl start nvidia-fabricmanager"
    ),
    "CUDA_ERROR_STUB_LIBRARY": (
        f"this {LIBRARY} is the CUDA toolkit's stub; take its folder out of LD_LIBRARY_PATH"
    ),
    "CUDA_ERROR_DEVICE_UNAVAILABLE": (
        "another process holds the card alone; end it, or: sudo nvidia-smi -c DEFAULT"
    ),
    "CUDA_ERROR_OUT_OF_MEMORY": "other programs fill the card; `nvidia-smi` lists them",
}
_OTHER_WAY_OUT = "see whether `nvidia-smi` lists the card; if not, reboot or install its driver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One GPU.

    Attributes:
        index: N of `--device cuda:N`.
        name: NVIDIA's.
        compute_capability: such as (8, 9).
        memory_bytes: all that it has.
        free_bytes: what other programs leave of that.
    """

    index: int
    name: str
    compute_capability: tuple[int, int]
    memory_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NvidiaDriver:
    """The newest CUDA that the driver runs, such as (13, 0), and its cards, one at least."""

    cuda: tuple[int, int]
    cards: tuple[Card, ...]


def ask_driver(cuda_major: int) -> NvidiaDriver:
    """The driver and its cards.

    Args:
        cuda_major: of the CUDA that the installed libraries are made with: 12 or 13.

    Raises:
        BackendError: there is no driver, it does not start, it is too old for that CUDA, or it
            has no card. The message is one line with the way out.
    """
    call = _Calls(_load(cuda_major))
    number = ctypes.c_int()
    call("cuDriverGetVersion", ctypes.pointer(number))
    cuda = (number.value // 1000, number.value % 1000 // 10)
    # asked first: an old driver knows its version, and may not start for a new card
    if cuda[0] < cuda_major:
        raise BackendError(
            f"NVIDIA's driver is too old: found one for CUDA {cuda[0]}.{cuda[1]}, expected "
            f"{_expected(cuda_major)}, which the installed libraries are made with; "
            f"{_how_to_install(cuda_major)}{_or_older_libraries(cuda_major)}"
        )
    call("cuInit", 0)
    call("cuDeviceGetCount", ctypes.pointer(number))
    return NvidiaDriver(cuda=cuda, cards=tuple(_card(call, i) for i in range(number.value)))


def check_card(card: Card, *, needs_bytes: int = 0) -> None:
    """Check that the card is new enough and has so many bytes free.

    Raises:
        BackendError: it is not, or has not.
    """
    if card.compute_capability < OLDEST_CARD:
        found = ".".join(map(str, card.compute_capability))
        raise BackendError(
            f"{card.name} is too old: expected compute capability "
            f"{'.'.join(map(str, OLDEST_CARD))} or newer (Turing: RTX 20, T4), found {found}; take "
            f"another card with CUDA_VISIBLE_DEVICES, or --device cpu"
        )
    if card.free_bytes < needs_bytes:
        raise BackendError(
            f"{card.name}: too little memory: expected {needs_bytes / _GIB:.1f} GiB free, found "
            f"{card.free_bytes / _GIB:.1f} of {card.memory_bytes / _GIB:.1f}; end the programs "
            f"that `nvidia-smi` lists, or take another card with CUDA_VISIBLE_DEVICES"
        )


def _load(cuda_major: int) -> Any:
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise BackendError(
            f"no NVIDIA driver found: {LIBRARY} cannot be loaded; expected "
            f"{_expected(cuda_major)}; {_how_to_install(cuda_major)}, or take --device cpu"
        ) from error


def _expected(cuda_major: int) -> str:
    return f"driver {OLDEST_DRIVER[cuda_major]} or newer for CUDA {cuda_major}"


def _how_to_install(cuda_major: int) -> str:
    if sys.platform == "win32":
        return "install it from NVIDIA's page of drivers"
    package = f"nvidia-driver-{OLDEST_DRIVER[cuda_major]}"
    return f"sudo apt-get install {package} (in a container: docker run --gpus all)"


def _or_older_libraries(cuda_major: int) -> str:
    return ', or pip install "diad_deploy[gpu-cuda12]" for CUDA 12' if cuda_major == 13 else ""


class _Calls:
    """The driver's functions, whose errors are raised."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def __call__(self, function: str, *arguments: Any) -> None:
        error = getattr(self._library, function)(*arguments)
        if error == _CLEAN:
            return
        found = ctypes.c_char_p()
        self._library.cuGetErrorName(error, ctypes.pointer(found))
        name = (found.value or b"error %d" % error).decode()
        way_out = _WAYS_OUT.get(name, _OTHER_WAY_OUT)
        raise BackendError(f"NVIDIA's driver answers {name} to {function}; {way_out}")


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
    # what is free is known to a context alone; the one that all libraries share is taken and left
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
