"""The number of threads that PyTorch uses."""

import torch

from diad_deploy.usable_cores import usable_cores


def limit_threads() -> None:
    """Use at most the cores of this process: PyTorch ignores the CPU quota of a container."""
    if torch.get_num_threads() > usable_cores():
        torch.set_num_threads(usable_cores())
