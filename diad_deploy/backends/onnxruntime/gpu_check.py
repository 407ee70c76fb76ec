"""Whether `--device cuda` can run here: the driver, its cards, and the installed libraries.

In the order in which a user mends it: without a driver nothing else counts.
"""

from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from diad_deploy.backends.cuda.driver import NvidiaDriver, ask_driver, check_card
from diad_deploy.backends.onnxruntime.module import import_onnxruntime, prepare_cuda_libraries
from diad_deploy.errors import BackendError

_EXTRAS = {12: "gpu-cuda12", 13: "gpu"}
_NEWEST_CUDA = max(_EXTRAS)
_PROVIDER = "CUDAExecutionProvider"


def check_gpu(*, needs_bytes: int = 0) -> NvidiaDriver:
    """Check all that ONNX Runtime needs on an NVIDIA GPU, and say what the driver found.

    Args:
        needs_bytes: memory that the first card must have free.

    Raises:
        BackendError: the driver or a library is missing or is of another CUDA, or the first card
            is too old or too full; one line with the way out.
    """
    try:
        runtime = import_onnxruntime()
    except BackendError:
        # no driver is the first thing to mend
        ask_driver(_NEWEST_CUDA)
        raise
    major = built_for_cuda(runtime) or _NEWEST_CUDA
    driver = ask_driver(major)
    check_card(driver.cards[0], needs_bytes=needs_bytes)
    _check_provider(runtime, major)
    _check_bindings(major)
    missed = prepare_cuda_libraries()
    if missed:
        raise BackendError(
            f"libraries of CUDA {major} are missing: {missed}; "
            f'pip install "diad_deploy[{_EXTRAS[major]}]"'
        )
    return driver


def built_for_cuda(runtime: ModuleType) -> int | None:
    """12 or 13: the CUDA that this ONNX Runtime was built for; None for the CPU's build."""
    major = str(getattr(runtime, "cuda_version", None) or "").partition(".")[0]
    return int(major) if major.isdigit() and int(major) in _EXTRAS else None


def _check_provider(runtime: ModuleType, major: int) -> None:
    if _PROVIDER in runtime.get_available_providers():
        return
    both = _version("onnxruntime-gpu") is not None
    found = "the files of both onnxruntime and onnxruntime-gpu" if both else "the CPU's build"
    raise BackendError(
        f"onnxruntime {runtime.__version__} has no {_PROVIDER}: expected onnxruntime-gpu alone, "
        f"found {found}; pip uninstall -y onnxruntime onnxruntime-gpu && "
        f'pip install "diad_deploy[{_EXTRAS[major]}]"'
    )


def _check_bindings(major: int) -> None:
    found = _version("cuda-bindings")
    if found is None or found.partition(".")[0] != str(major):
        raise BackendError(
            f"cuda-bindings: expected {major}.x as onnxruntime-gpu is built for CUDA {major}, "
            f'found {found or "none"}; pip install "diad_deploy[{_EXTRAS[major]}]"'
        )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
