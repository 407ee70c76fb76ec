"""Parsing of `--device`."""

import re
from dataclasses import dataclass
from typing import Literal

from diad_deploy.backends.cuda.calls import Cuda
from diad_deploy.errors import OptionError

AUTO = "auto"
Kind = Literal["auto", "cpu", "cuda"]
_ONE = re.compile(r"cuda:([0-9]{1,4})", re.ASCII)
_EXPECTED = "expected auto, cpu, cuda, cuda:all, or GPUs by index such as cuda:1 or cuda:0,cuda:1"


@dataclass(frozen=True, slots=True)
class Devices:
    """The devices to run a model on.

    Attributes:
        kind: `cpu`, `cuda`, or `auto` for the best available.
        indices: indices of CUDA devices, in the order given; None for all of them.
    """

    kind: Kind
    indices: tuple[int, ...] | None = (0,)


def parse_devices(text: str) -> Devices:
    """Parse `auto`, `cpu`, `cuda` (the first GPU), `cuda:1`, `cuda:0,cuda:1` or `cuda:all`.

    Raises:
        OptionError: `text` is something else, or repeats a device.
    """
    if text == "auto":
        return Devices("auto")
    if text == "cpu":
        return Devices("cpu")
    if text == "cuda":
        return Devices("cuda")
    if text == "cuda:all":
        return Devices("cuda", None)
    found = [_ONE.fullmatch(part.strip()) for part in text.split(",")]
    indices = tuple(int(match[1]) for match in found if match)
    if len(indices) < len(found):
        raise OptionError(f"device {text!r}: {_EXPECTED}")
    if len(set(indices)) < len(indices):
        raise OptionError(f"device {text!r}: expected each GPU once; remove the repeated ones")
    return Devices("cuda", indices)


def resolve_indices(devices: Devices) -> tuple[int, ...]:
    """The indices of CUDA devices, which are checked to exist.

    The first device alone is not checked: opening it reports better what is missing.

    Raises:
        OptionError: a device does not exist.
        BackendError: CUDA's Python bindings are not installed.
        CudaError: there is no GPU.
    """
    if devices.indices == (0,):
        return devices.indices
    cuda = Cuda.load()
    count: int = cuda.check(cuda.api.cudaGetDeviceCount(), "counting GPUs")
    if devices.indices is None:
        return tuple(range(count))
    missing = [device_name(index) for index in devices.indices if index >= count]
    if missing:
        present = device_name(0) if count == 1 else f"{device_name(0)} to {device_name(count - 1)}"
        raise OptionError(
            f"device {', '.join(missing)}: expected {present}; choose one of them, or cuda:all "
            f"(CUDA_VISIBLE_DEVICES may hide GPUs from this process)"
        )
    return devices.indices


def device_name(index: int) -> str:
    """The name of a CUDA device as accepted by `--device`."""
    return f"cuda:{index}"
