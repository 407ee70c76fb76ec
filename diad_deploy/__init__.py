"""Run a DiAD bundle on images, without PyTorch.

>>> from diad_deploy import Detector
>>> with Detector.open("bundle") as detector:
...     [detection] = detector.detect(["part.png"])
>>> detection.score

Importing this package turns ONNX Runtime's telemetry off, which looks up its vendor's collector and
writes a device id into the user's home: the variable counts only if it stands before `onnxruntime`
is imported. Where ORT_DISABLE_TELEMETRY is set already, it stays.
"""

import os
from importlib import import_module

TYPE_CHECKING = False  # as typing's, which takes longer to import than a command may be deaf
if TYPE_CHECKING:
    from typing import Any

    from diad_deploy.bundle.folder import Bundle
    from diad_deploy.detection import Detection
    from diad_deploy.detector import Detector
    from diad_deploy.errors import DiadError

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

__all__ = ["Bundle", "Detection", "Detector", "DiadError", "__version__"]

_HOME = {
    "Bundle": "diad_deploy.bundle.folder",
    "Detection": "diad_deploy.detection",
    "Detector": "diad_deploy.detector",
    "DiadError": "diad_deploy.errors",
}


def __getattr__(name: str) -> "Any":
    """Load a public name on first use, so that `diad-run --help` starts at once."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
