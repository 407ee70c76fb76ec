"""Import of ONNX Runtime, here only, and of the CUDA libraries it needs.

Importing `diad_deploy` has disabled its telemetry before (ORT_DISABLE_TELEMETRY).
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import metadata
from threading import Lock
from types import ModuleType
from typing import Any

from diad_deploy.errors import BackendError

CUDA_PROVIDER = "CUDAExecutionProvider"

_CUDA_LIBRARIES = ("cublasLt", "cublas", "nvrtc", "curand", "cufft", "cudart", "cudnn")
"""Libraries that ONNX Runtime's CUDA provider is linked with or opens."""

_PRELOADING = Lock()


def import_onnxruntime() -> ModuleType:
    """Import ONNX Runtime.

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


def check_cuda_provider(runtime: ModuleType) -> None:
    """Check that ONNX Runtime was built for CUDA; whether that starts, a session shows.

    Raises:
        BackendError: it was not.
    """
    available = runtime.get_available_providers()
    if CUDA_PROVIDER in available:
        return
    both = installed_version("onnxruntime-gpu") is not None
    build = "the files of both onnxruntime and onnxruntime-gpu" if both else "the CPU build"
    raise BackendError(
        f"onnxruntime {runtime.__version__} cannot run on cuda: expected {CUDA_PROVIDER}, found "
        f"{', '.join(available)} ({build}); pip uninstall -y onnxruntime onnxruntime-gpu && "
        f'pip install "diad_deploy[gpu]", or use --device cpu'
    )


def installed_version(package: str) -> str | None:
    """The version of an installed package; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@cache
def preload_cuda_libraries() -> str:
    """Load the CUDA and cuDNN libraries from the folders that pip installed them to.

    Returns:
        ONNX Runtime's messages about libraries that it did not find, in one line, which explain
        why a session then fails to open. Empty if it found all of them.

    Raises:
        BackendError: ONNX Runtime is not installed.
    """
    preload = getattr(import_onnxruntime(), "preload_dlls", None)
    if preload is None:
        return ""
    messages = _capture_print(preload)
    # ONNX Runtime only searches next to its own package, and ignores some libraries silently
    _load_from_other_folders()
    return _capture_print(preload) if messages else ""


def _capture_print(preload: Callable[[], None]) -> str:
    """Call `preload` and return what it prints, since standard output may be a program's JSON.

    The `print` of its module is replaced, not sys.stdout, which other threads may use.
    """
    printed: list[str] = []
    names: dict[str, Any] = getattr(preload, "__globals__", {})
    with _PRELOADING:
        names["print"] = lambda *words: printed.append(" ".join(map(str, words)))
        try:
            preload()
        finally:
            del names["print"]
    return "; ".join(" ".join(line.split()) for line in printed)


def _load_from_other_folders() -> None:
    """Load further libraries from any site-packages folder, conda, or CUDA_HOME."""
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib
    except ImportError:
        return
    for name in _CUDA_LIBRARIES:
        # older versions do not know cuDNN
        with suppress(OSError, RuntimeError, ValueError):
            load_nvidia_dynamic_lib(name)


def one_line(error: BaseException) -> str:
    """The message of an error without line breaks and without ONNX Runtime's prefix."""
    text = " ".join(str(error).split())
    return text.removeprefix("[ONNXRuntimeError] : ") or type(error).__name__
