"""Benchmarks of DiAD models on all backends, compared with the PyTorch reference."""

import diad_deploy  # noqa: F401 - telemetry is off before any module imports onnxruntime
