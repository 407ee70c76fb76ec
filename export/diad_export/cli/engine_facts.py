"""A bundle's engines and TensorRT-RTX's runtime cache, as shown by `diad-export inspect`."""

from dataclasses import asdict
from typing import Any

from diad_deploy.backends.tensorrt.runtime_cache import CacheSize, cache_size
from diad_deploy.bundle.engine_spec import EngineSpec, LayerTypes
from diad_deploy.bundle.manifest import Manifest

MAX_NAMES = 3


def engine_facts(manifest: Manifest) -> list[tuple[str, str]]:
    """A line for each engine: its target, batch sizes and types."""
    return [(f"{spec.graph} engine", _line(spec)) for spec in manifest.engines]


def find_cache(manifest: Manifest) -> CacheSize | None:
    """Size of TensorRT-RTX's cache on this machine; None if the bundle has no engines for it."""
    if any(spec.target == "tensorrt-rtx" for spec in manifest.engines):
        return cache_size(manifest)
    return None


def cache_facts(found: CacheSize | None) -> list[tuple[str, str]]:
    """A line with the folder and size of the cache."""
    if found is None:
        return []
    return [
        (
            "runtime cache",
            f"{found.folder}: {found.bundle_bytes / 1e6:.1f} MB for these engines, "
            f"{found.total_bytes / 1e6:.1f} MB in all",
        )
    ]


def cache_json(found: CacheSize | None) -> dict[str, Any] | None:
    """The folder and sizes in bytes of the cache."""
    if found is None:
        return None
    return {**asdict(found), "folder": str(found.folder)}


def _line(spec: EngineSpec) -> str:
    profile = spec.profile
    gpu = f", built on {spec.gpu}, {spec.driver}" if spec.gpu else ""
    return (
        f"{spec.target} {spec.version} for {', '.join(spec.compute_capabilities)}{gpu}; batch "
        f"{profile.smallest} to {profile.largest}, tuned for {profile.tuned}; built in "
        f"{spec.precision}: {_types(spec.layers)}"
    )


def _types(layers: LayerTypes) -> str:
    floats = {name: n for name, n in layers.by_type.items() if name != "other"}
    total = sum(floats.values())
    float16 = floats.get("float16", 0)
    share = f"{100 * float16 / total:.0f} %" if total else "none"
    attentions = layers.fused_attentions
    return (
        f"{share} of {total} layers in float16, {attentions} fused "
        f"attention{'' if attentions == 1 else 's'}, float32: {_names(layers.float32)}"
    )


def _names(names: tuple[str, ...]) -> str:
    if not names:
        return "none"
    more = ", …" if len(names) > MAX_NAMES else ""
    return f"{len(names)} ({', '.join(names[:MAX_NAMES])}{more})"
