"""How many threads PyTorch computes with."""

import torch

from diad_deploy.usable_cores import usable_cores


def bound_threads() -> None:
    """Take no more than the cores this process may use: PyTorch sees no container's quota."""
    if torch.get_num_threads() > usable_cores():
        torch.set_num_threads(usable_cores())
