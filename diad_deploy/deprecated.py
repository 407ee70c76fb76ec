"""Old names of the API, which warn and are removed in the next release."""

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def deprecated_names(module: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """A `__getattr__` for a module, which finds its old names.

    Args:
        module: the module's own name.
        names: by old name the new place, as `module:name`, and the public name in the warning if it
            is another one than `diad_deploy.name`, as `module:name:public`.
    """

    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        place, new, *public = names[name].split(":")
        _warn(f"{module}.{name}", *(public or [f"diad_deploy.{new}"]))
        return getattr(import_module(place), new)

    return find


def deprecated_attribute(new: str) -> Any:
    """A property under an old name, which returns the attribute `new`."""

    class Old:
        def __set_name__(self, owner: type, name: str) -> None:
            self.name = name

        def __get__(self, instance: object, owner: type) -> Any:
            if instance is None:
                return self
            _warn(f"{owner.__name__}.{self.name}", f"{owner.__name__}.{new}")
            return getattr(instance, new)

    return Old()


def _warn(old: str, new: str) -> None:
    warnings.warn(
        f"{old} is renamed and will be removed in the next release: use {new}",
        DeprecationWarning,
        stacklevel=3,
    )
