"""Where PyTorch runs: known before the libraries that models need are imported."""

import torch

from diad_deploy.errors import BackendError


def find_device(asked: str) -> str:
    """`cpu` or `cuda`; `auto` takes the GPU where PyTorch finds one.

    Raises:
        BackendError: `cuda` was asked for and is not there.
    """
    there = torch.cuda.is_available()
    if asked == "cuda" and not there:
        raise BackendError(
            f"torch {torch.__version__} finds no GPU; install a CUDA build and NVIDIA's driver, "
            f"or take --device cpu"
        )
    return "cuda" if there and asked != "cpu" else "cpu"


def need_gpu(asked: str, what: str) -> None:
    """Check that `what` can have the GPU that it needs.

    Raises:
        BackendError: there is none, or the run is to stay on the CPU.
    """
    if find_device(asked) != "cuda":
        raise BackendError(
            f"{what} is for GPUs: torch {torch.__version__} "
            f"{'was told to stay on the CPU' if asked == 'cpu' else 'finds none'}; run this on a "
            f"machine with one"
        )
