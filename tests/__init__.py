import diad_deploy  # noqa: F401 - telemetry is off before any module imports onnxruntime
