"""Run a DiAD bundle on images, without PyTorch.

>>> from diad_deploy import Detector
>>> with Detector.open("bundle") as detector:
...     [detection] = detector.detect(["part.png"])
>>> detection.score

Importing this package turns ONNX Runtime's telemetry off, which looks up its vendor's collector and
writes a device id into the user's home: the variable only counts if it is set before `onnxruntime`
is imported. Where ORT_DISABLE_TELEMETRY is set already, it stays.
"""

import os
from importlib import import_module

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

_PLACES = {
    "bundle.folder": ("Bundle",),
    "calibration.calibrate": ("Calibration", "CalibrationConfig", "calibrate"),
    "detection": ("Detection",),
    "detection.annotations": ("AnnotatedImage", "to_coco", "to_label_studio"),
    "detection.heatmap": ("draw_heatmap",),
    "detector": ("Detector",),
    "errors": (
        "BackendError",
        "BundleDamagedError",
        "BundleError",
        "BundleMissingError",
        "BundleVersionError",
        "CudaError",
        "DiadError",
        "ImageError",
        "InputError",
        "NotFiniteError",
        "OptionError",
        "OutputError",
        "ThresholdsError",
    ),
    "images.discover": ("ImageFile", "find_images"),
    "images.reader": ("read_image",),
    "inspection.run": ("InspectionConfig", "inspect_images"),
    "inspection.summary": ("Progress", "Summary"),
    "regions": ("Region",),
    "report.results": ("ResultRow", "read_rows"),
    "thresholds.file": ("Threshold", "Thresholds", "read_thresholds"),
}
"""Public names by their modules."""

_MODULES = {name: f"{__name__}.{module}" for module, names in _PLACES.items() for name in names}

__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> object:
    """Load a public name on first use, so that `diad-run --help` starts at once."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
