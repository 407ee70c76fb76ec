"""ONNX Runtime's Python module: the one place of the runtime that imports it.

Its telemetry is off by then: importing `diad_deploy` has set ORT_DISABLE_TELEMETRY.
"""

from functools import cache
from types import ModuleType

from diad_deploy.errors import BackendError


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
    said: list[str] = []
    # it prints, and standard output may be a program's JSON. Its own `print` is replaced, not
    # sys.stdout, which other threads may be writing to
    preload.__globals__["print"] = lambda *words: said.append(" ".join(map(str, words)))
    try:
        preload()
    finally:
        del preload.__globals__["print"]
    return "; ".join(" ".join(line.split()) for line in said)


def one_line(error: BaseException) -> str:
    """The message without its line breaks and without ONNX Runtime's code in front."""
    text = " ".join(str(error).split())
    return text.removeprefix("[ONNXRuntimeError] : ") or type(error).__name__
