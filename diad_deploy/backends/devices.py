"""Where a model shall run: `--device`, read once."""

import re
from dataclasses import dataclass
from typing import Literal

from diad_deploy.backends.cuda.calls import Cuda
from diad_deploy.errors import OptionError

AUTO = "auto"
Kind = Literal["auto", "cpu", "cuda"]
_ONE = re.compile(r"cuda:([0-9]{1,4})", re.ASCII)
_EXPECTED = (
    "expected auto, cpu, cuda, one or several GPUs such as cuda:1 or cuda:0,cuda:1, or cuda:all"
)


@dataclass(frozen=True, slots=True)
class Devices:
    """Where a model shall run.

    Attributes:
        kind: `auto` for the best there is.
        indices: of CUDA's devices, in the order given; None for all there are.
    """

    kind: Kind
    indices: tuple[int, ...] | None = (0,)


def parse_devices(text: str) -> Devices:
    """Read `auto`, `cpu`, `cuda` (the first GPU), `cuda:1`, `cuda:0,cuda:1` or `cuda:all`.

    Raises:
        OptionError: it is something else, or names a device twice.
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
        raise OptionError(f"device {text!r}: expected each GPU once; leave the others out")
    return Devices("cuda", indices)


def find_indices(devices: Devices) -> tuple[int, ...]:
    """Indices of the CUDA devices that are meant, each of which the machine has.

    The first one alone is not looked for: what opens it says best what is missing.

    Raises:
        OptionError: a device does not exist.
        BackendError: CUDA's Python bindings are not installed. CudaError: CUDA finds no GPU.
    """
    if devices.indices == (0,):
        return devices.indices
    cuda = Cuda.load()
    count: int = cuda.check(cuda.api.cudaGetDeviceCount(), "looking for GPUs")
    if devices.indices is None:
        return tuple(range(count))
    missing = [device_name(index) for index in devices.indices if index >= count]
    if missing:
        there = device_name(0) if count == 1 else f"{device_name(0)} to {device_name(count - 1)}"
        raise OptionError(
            f"device {', '.join(missing)}: expected {there}; take one that is there "
            f"(CUDA_VISIBLE_DEVICES hides GPUs from a process), or cuda:all"
        )
    return devices.indices


def device_name(index: int) -> str:
    """What CUDA's device of that index is called, as `--device` takes it."""
    return f"cuda:{index}"
