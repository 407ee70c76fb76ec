"""A stand-in for `pickle` that builds tensors and containers, and nothing else.

Trainings leave objects of their own beside the weights (callbacks as classes, configurations).
`torch.load(weights_only=True)` refuses such a file whole. Here everything unknown becomes an
`Inert`, which takes what it is given and does nothing, so the weights can still be read and no
code that the file names is ever imported or run.
"""

import collections
import pickle
from typing import Any, BinaryIO

import torch
from torch._utils import _rebuild_parameter, _rebuild_tensor, _rebuild_tensor_v2

HARMLESS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch", "Size"): torch.Size,
    **{
        ("torch", name): getattr(torch, name)
        for name in ("float16", "float32", "float64", "bfloat16", "int64", "int32", "uint8", "bool")
    },
}


class Inert:
    """Takes the place of whatever a file asks for; `asked_for` is its name in the file."""

    asked_for = "something unknown"

    def __new__(cls, *_given: object, **_named: object) -> "Inert":
        """Whatever it is called with."""
        return super().__new__(cls)

    def __init__(self, *_given: object, **_named: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...

    def __setitem__(self, key: object, value: object) -> None: ...

    def append(self, item: object) -> None:
        """Forget the item."""

    def extend(self, items: object) -> None:
        """Forget the items."""


class Unpickler(pickle.Unpickler):
    """Finds the harmless, and `Inert` for all else."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """What stands for a global of the file."""
        known = HARMLESS.get((module_name, global_name))
        return known or type("Inert", (Inert,), {"asked_for": f"{module_name}.{global_name}"})


def load(file: BinaryIO, **given: Any) -> Any:
    """As `pickle.load`, with `Unpickler`."""
    return Unpickler(file, **given).load()
