"""Where PyTorch trains: the processor, or an NVIDIA GPU with the settings that make it fast."""

import torch

from diad_deploy.backends import query_driver
from diad_deploy.errors import OptionError


def prepare_device(name: str) -> torch.device:
    """The device, ready to train on; on a GPU, float32 products use TF32.

    Args:
        name: `cpu`, `cuda` or `cuda:N`.

    Raises:
        OptionError: there is no such device, or PyTorch cannot use it.
        BackendError: NVIDIA's driver is missing or too old.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise OptionError(f"device {name!r}: expected cpu, cuda or cuda:N")
    if device.type == "cuda":
        _check_cuda(device)
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    return device


def _check_cuda(device: torch.device) -> None:
    made_for = torch.version.cuda
    if made_for is None:
        raise OptionError(
            f"device {device}: torch {torch.__version__} is built without CUDA; install a "
            f"build for CUDA, or take --device cpu"
        )
    # before PyTorch, which says no more than that there is no GPU
    query_driver(int(made_for.partition(".")[0]))
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if (device.index or 0) >= found:
        raise OptionError(
            f"device {device}: expected an NVIDIA GPU of this number that PyTorch can use, found "
            f"{found}; see `nvidia-smi`, or take --device cpu"
        )
