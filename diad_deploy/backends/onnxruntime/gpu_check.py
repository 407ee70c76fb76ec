"""Check that ONNX Runtime can run on CUDA: the driver, the GPU, and the installed libraries.

The order is that in which a user fixes them: without a driver, the rest does not matter.
"""

from types import ModuleType

from diad_deploy.backends.cuda.driver import NvidiaDriver, check_card, query_driver
from diad_deploy.backends.onnxruntime.module import (
    check_cuda_provider,
    import_onnxruntime,
    installed_version,
    preload_cuda_libraries,
)
from diad_deploy.errors import BackendError

_EXTRAS = {12: "gpu-cuda12", 13: "gpu"}
_NEWEST_CUDA = max(_EXTRAS)


def check_gpu(*, needs_bytes: int = 0) -> NvidiaDriver:
    """Check everything that ONNX Runtime needs on an NVIDIA GPU.

    Args:
        needs_bytes: free memory that the first GPU must have.

    Returns:
        The driver and its GPUs.

    Raises:
        BackendError: the driver or a library is missing or for another CUDA version, or the first
            GPU is too old or has not enough free memory. The message is one line.
    """
    try:
        runtime = import_onnxruntime()
    except BackendError:
        # a missing driver has to be fixed first
        query_driver(_NEWEST_CUDA)
        raise
    major = built_for_cuda(runtime) or _NEWEST_CUDA
    driver = query_driver(major)
    check_card(driver.cards[0], needs_bytes=needs_bytes)
    check_cuda_provider(runtime)
    _check_bindings(major)
    missing = preload_cuda_libraries()
    if missing:
        raise BackendError(
            f"libraries of CUDA {major} are missing: {missing}; "
            f'pip install "diad_deploy[{_EXTRAS[major]}]"'
        )
    return driver


def built_for_cuda(runtime: ModuleType) -> int | None:
    """The CUDA version that ONNX Runtime was built for, 12 or 13; None for the CPU build."""
    major = str(getattr(runtime, "cuda_version", None) or "").partition(".")[0]
    return int(major) if major.isdigit() and int(major) in _EXTRAS else None


def _check_bindings(major: int) -> None:
    found = installed_version("cuda-bindings")
    if found is None or found.partition(".")[0] != str(major):
        raise BackendError(
            f"cuda-bindings: expected {major}.x, since onnxruntime-gpu is built for CUDA {major}, "
            f'found {found or "none"}; pip install "diad_deploy[{_EXTRAS[major]}]"'
        )
