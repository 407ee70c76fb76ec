"""Measurements against the PyTorch reference. Not part of the wheel."""

import diad_deploy  # noqa: F401 - telemetry is off before any module imports onnxruntime
