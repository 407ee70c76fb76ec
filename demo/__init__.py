"""The demo: synthetic product images, a small DiAD model trained on them, and its evaluation."""

import diad_deploy  # noqa: F401 - telemetry is off before any module imports onnxruntime
