"""A replacement for `pickle` that only creates tensors and containers, for `torch.load`.

Training code often saves objects beside the weights, such as callbacks and configurations, and
`torch.load(weights_only=True)` rejects such a file. Here every unknown object becomes an `Inert`,
which accepts any arguments and does nothing. The weights can be read, and no code that the file
names is imported or run.
"""

import collections
import pickle
from typing import Any, BinaryIO

import torch
from torch._utils import _rebuild_parameter, _rebuild_tensor, _rebuild_tensor_v2

ALLOWED: dict[tuple[str, str], Any] = {
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
    """Replaces an object of the file; `qualified_name` is the name of its class there."""

    qualified_name = "an unknown object"

    def __new__(cls, *_given: object, **_named: object) -> "Inert":
        """Accept any arguments."""
        return super().__new__(cls)

    def __init__(self, *_given: object, **_named: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...

    def __setitem__(self, key: object, value: object) -> None: ...

    def append(self, item: object) -> None:
        """Ignore the item."""

    def extend(self, items: object) -> None:
        """Ignore the items."""


class Unpickler(pickle.Unpickler):
    """Resolves allowed names, and `Inert` for all others."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """The object for a name in the file."""
        known = ALLOWED.get((module_name, global_name))
        return known or type("Inert", (Inert,), {"qualified_name": f"{module_name}.{global_name}"})


def load(file: BinaryIO, **given: Any) -> Any:
    """Like `pickle.load`, with `Unpickler`."""
    return Unpickler(file, **given).load()
