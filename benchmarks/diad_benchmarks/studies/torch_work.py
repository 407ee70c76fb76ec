"""Counts the work of a PyTorch computation while it runs on meta tensors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The work of a computation.

    Attributes:
        operators: calls that compute or copy; views do not count.
        weights: elements of the parameters and buffers that were read, each counted once.
        multiply_adds: number of multiply-adds in convolutions and matrix products.
    """

    operators: int
    weights: int
    multiply_adds: int


class _Reads(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operators, and records which of the module's tensors they read."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.known = {id(t): t.numel() for t in (*module.parameters(), *module.buffers())}
        self.read: set[int] = set()
        self.operators = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operators += not func.is_view
        for value in tree_iter((args, kwargs)):
            if isinstance(value, Tensor) and id(value) in self.known:
                self.read.add(id(value))
        return func(*args, **(kwargs or {}))


@torch.no_grad()
def count_torch_work(module: nn.Module, run: Callable[[], object]) -> Work:
    """Count the work of `run`, which reads weights of `module`."""
    with FlopCounterMode(display=False) as flops, _Reads(module) as reads:
        run()
    return Work(
        operators=reads.operators,
        weights=sum(reads.known[key] for key in reads.read),
        multiply_adds=flops.get_total_flops() // 2,
    )
