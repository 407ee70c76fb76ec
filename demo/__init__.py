"""The demo: images it draws itself, a small DiAD trained on them, and what it reaches."""

import diad_deploy  # noqa: F401 - telemetry is off before any module imports onnxruntime
