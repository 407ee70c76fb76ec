"""Turn a trained DiAD checkpoint into a bundle that `diad_deploy` runs.

>>> from diad_export import BuildConfig, build_bundle
>>> bundle = build_bundle(BuildConfig(checkpoint="model.safetensors", output="bundle"))

Needs the extra `export`: PyTorch, diffusers, timm, onnx.
"""

from importlib import import_module

import diad_deploy  # noqa: F401 - telemetry is off before any module imports onnxruntime

_MODULES = {
    "BatchProfile": "diad_deploy.bundle.engine_spec",
    "BuildConfig": "diad_export.build",
    "CheckpointError": "diad_deploy.errors",
    "EngineOptions": "diad_export.engines.options",
    "ExportError": "diad_deploy.errors",
    "Limits": "diad_export.verify.result",
    "Verification": "diad_export.verify.result",
    "VerificationConfig": "diad_export.verify.bundle",
    "add_engines": "diad_export.engines.bundle_engines",
    "build_bundle": "diad_export.build",
    "verify_bundle": "diad_export.verify.bundle",
}

__all__ = [*_MODULES]


def __getattr__(name: str) -> object:
    """Load a public name on first use, so that `diad-export --help` starts at once."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
