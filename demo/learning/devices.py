"""The device that PyTorch trains on: the CPU, or an NVIDIA GPU with fast settings."""

import torch

from diad_deploy.backends import query_driver
from diad_deploy.errors import OptionError


def prepare_device(name: str) -> torch.device:
    """Check a device and prepare it for training; on a GPU, float32 matrix products use TF32.

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
    cuda_version = torch.version.cuda
    if cuda_version is None:
        raise OptionError(
            f"device {device}: torch {torch.__version__} is built without CUDA; install a "
            f"build with CUDA, or use --device cpu"
        )
    # names what is wrong with the driver, where PyTorch only finds no GPU
    query_driver(int(cuda_version.partition(".")[0]))
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if (device.index or 0) >= found:
        raise OptionError(
            f"device {device}: expected a GPU that PyTorch can use, found {found} of them; "
            f"see `nvidia-smi`, or use --device cpu"
        )
