"""What can run the four graphs, by name."""

from collections.abc import Callable

from diad_deploy.arrays import FloatArray
from diad_deploy.backends.onnxruntime import OnnxRuntimeStages
from diad_deploy.backends.stages import Stages
from diad_deploy.bundle import Bundle
from diad_deploy.errors import OptionError

AUTO = "auto"

BACKENDS: dict[str, Callable[..., Stages[FloatArray]]] = {
    "onnxruntime": OnnxRuntimeStages.open,
}
"""Openers by name, called as `opener(bundle, threads=...)`; each imports its library itself."""


def choose_backend(name: str) -> str:
    """The backend's own name: `auto` is the first of `BACKENDS`.

    Raises:
        OptionError: there is no backend of this name.
    """
    if name == AUTO:
        return next(iter(BACKENDS))
    if name not in BACKENDS:
        raise OptionError(f"backend {name!r}: expected one of {', '.join([AUTO, *BACKENDS])}")
    return name


def open_stages(name: str, bundle: Bundle, *, threads: int | None = None) -> Stages[FloatArray]:
    """The bundle's four graphs on the backend `name`, as `choose_backend` gives it.

    Raises:
        BackendError: its library is not installed or refuses a graph.
        BundleDamagedError: a graph is not what the manifest says.
    """
    return BACKENDS[name](bundle, threads=threads)
