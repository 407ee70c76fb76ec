"""Backends that run the four graphs, and the choice between them.

Other packages import from here and from `onnxruntime`; `cuda` and `tensorrt` are internal.
"""

from diad_deploy.backends.choice import (
    BACKENDS,
    ModelRequest,
    OpenedModel,
    check_choice,
    open_model,
)
from diad_deploy.backends.cuda.driver import Card, NvidiaDriver, query_driver
from diad_deploy.backends.cuda.model import CudaModel
from diad_deploy.backends.cuda.tensors import DeviceTensor
from diad_deploy.backends.devices import AUTO
from diad_deploy.backends.tensorrt.engine_files import has_engines
from diad_deploy.backends.tensorrt.runtime_cache import CacheSize, cache_size

__all__ = [
    "AUTO",
    "BACKENDS",
    "CacheSize",
    "Card",
    "CudaModel",
    "DeviceTensor",
    "ModelRequest",
    "NvidiaDriver",
    "OpenedModel",
    "cache_size",
    "check_choice",
    "has_engines",
    "open_model",
    "query_driver",
]
