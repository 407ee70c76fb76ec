"""The kernels of `kernels.cu`: compiled by NVRTC, loaded once per device, launched on a stream."""

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cuda.bindings import driver, nvrtc, runtime

SOURCE = Path(__file__).with_name("kernels.cu")
BLOCK = 256
"""Threads per block."""


class KernelError(Exception):
    """A kernel cannot be compiled, or a call failed."""


@cache
def compiled(architecture: str) -> bytes:
    """Machine code for an architecture such as `sm_90`; no GPU is needed."""
    options = [
        f"--gpu-architecture={architecture}".encode(),
        f"--define-macro=BLOCK={BLOCK}".encode(),
        b"--fmad=false",  # like the CPU, so that results differ little
    ]
    program = check(nvrtc.nvrtcCreateProgram(SOURCE.read_bytes(), b"kernels.cu", 0, [], []))
    (error,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
    if error != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        log = b" " * check(nvrtc.nvrtcGetProgramLogSize(program))
        check(nvrtc.nvrtcGetProgramLog(program, log))
        raise KernelError(f"NVRTC: {error.name}: {log.decode()}")
    code = b" " * check(nvrtc.nvrtcGetCUBINSize(program))
    check(nvrtc.nvrtcGetCUBIN(program, code))
    return code


@cache
def _loaded(device: int, name: str) -> Any:
    """A kernel on the calling thread's current device."""
    properties = check(runtime.cudaGetDeviceProperties(device))
    module = _module(device, f"sm_{properties.major}{properties.minor}")
    return check(driver.cuModuleGetFunction(module, name.encode()))


@cache
def _module(device: int, architecture: str) -> Any:
    return check(driver.cuModuleLoadData(compiled(architecture)))


def launch(
    name: str, stream: int, blocks: int, addresses: Sequence[int], numbers: Sequence[int]
) -> None:
    """Launch a kernel on a stream of the current device; it takes addresses, then integers.

    The first launch loads the kernel, which is not permitted during a capture.
    """
    device = check(runtime.cudaGetDevice())
    if not int(check(driver.cuCtxGetCurrent())):
        # makes the runtime's context current for the driver, too, in this thread
        check(runtime.cudaSetDevice(device))
    values = (*addresses, *numbers)
    types = (ctypes.c_void_p,) * len(addresses) + (ctypes.c_int,) * len(numbers)
    sizes = (blocks, 1, 1, BLOCK, 1, 1)
    kernel = _loaded(device, name)
    check(driver.cuLaunchKernel(kernel, *sizes, 0, stream, (values, types), 0))


def check(answer: tuple[Any, ...]) -> Any:
    """The results of a call besides its error."""
    error, *values = answer
    if int(error):
        raise KernelError(f"{type(error).__name__}: {error.name}")
    return values[0] if values else None
