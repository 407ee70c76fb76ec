"""ONNX Runtime's Python module: the one place of the runtime that imports it.

Its telemetry is off by then: importing `diad_deploy` has set ORT_DISABLE_TELEMETRY.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from threading import Lock
from types import ModuleType
from typing import Any

from diad_deploy.errors import BackendError

_CUDA_LIBRARIES = ("cublasLt", "cublas", "nvrtc", "curand", "cufft", "cudart", "cudnn")
"""What ONNX Runtime's CUDA provider is linked with or opens."""

_PRELOADING = Lock()


def import_onnxruntime() -> ModuleType:
    """The module.

    Raises:
        BackendError: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendError(
            f"ONNX Runtime cannot be imported ({one_line(error)}); "
            f'pip install "diad_deploy[cpu]", or "diad_deploy[gpu]"'
        ) from error
    module: ModuleType = onnxruntime
    return module


@cache
def prepare_cuda_libraries() -> str:
    """Load CUDA's and cuDNN's libraries from where pip put them, once a process.

    Returns:
        What ONNX Runtime has to say of libraries that it did not find, in one line: a reason for
        the error of a session that then does not open. Empty where it found them all.

    Raises:
        BackendError: ONNX Runtime is not installed.
    """
    preload = getattr(import_onnxruntime(), "preload_dlls", None)
    if preload is None:
        return ""
    missed = _said(preload)
    # it looks beside its own package alone, and passes some of them over in silence
    _load_from_other_folders()
    return _said(preload) if missed else ""


def _said(preload: Callable[[], None]) -> str:
    """Call it, and keep what it prints: standard output may be a program's JSON.

    Its own `print` is replaced, not sys.stdout, which other threads may be writing to.
    """
    said: list[str] = []
    names: dict[str, Any] = getattr(preload, "__globals__", {})
    with _PRELOADING:
        names["print"] = lambda *words: said.append(" ".join(map(str, words)))
        try:
            preload()
        finally:
            del names["print"]
    return "; ".join(" ".join(line.split()) for line in said)


def _load_from_other_folders() -> None:
    """Load what is not loaded yet from any folder of packages, conda, or CUDA_HOME."""
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib
    except ImportError:
        return
    for name in _CUDA_LIBRARIES:
        # older versions do not know cuDNN
        with suppress(OSError, RuntimeError, ValueError):
            load_nvidia_dynamic_lib(name)


def one_line(error: BaseException) -> str:
    """The message without its line breaks and without ONNX Runtime's code in front."""
    text = " ".join(str(error).split())
    return text.removeprefix("[ONNXRuntimeError] : ") or type(error).__name__
