"""Turns a trained DiAD checkpoint into a bundle that `diad_deploy` runs."""

import diad_deploy  # noqa: F401 - telemetry is off before any module imports onnxruntime
