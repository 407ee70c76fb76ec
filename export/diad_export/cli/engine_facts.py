"""A bundle's engines, a line each, and what is kept of them on this machine."""

from dataclasses import asdict
from typing import Any

from diad_deploy.backends import CacheSize, cache_size
from diad_deploy.bundle.engine_spec import EngineSpec, LayerTypes
from diad_deploy.bundle.manifest import Manifest

MAX_NAMES = 3


def engine_facts(manifest: Manifest) -> list[tuple[str, str]]:
    """For each engine: what it is for, and what was read back of its types."""
    return [(f"{spec.graph} engine", _line(spec)) for spec in manifest.engines]


def find_cache(manifest: Manifest) -> CacheSize | None:
    """What TensorRT-RTX has left on this machine; None where the bundle has no engines for it."""
    if any(spec.target == "tensorrt-rtx" for spec in manifest.engines):
        return cache_size(manifest)
    return None


def cache_facts(found: CacheSize | None) -> list[tuple[str, str]]:
    """Where that lies and how large it is."""
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
    """The same for a machine, in bytes."""
    if found is None:
        return None
    return {**asdict(found), "folder": str(found.folder)}


def _line(spec: EngineSpec) -> str:
    profile = spec.profile
    gpu = f", made on {spec.gpu}, {spec.driver}" if spec.gpu else ""
    return (
        f"{spec.target} {spec.version} for {', '.join(spec.compute_capabilities)}{gpu}; batch "
        f"{profile.smallest} to {profile.largest}, tuned for {profile.tuned}; asked for "
        f"{spec.precision}: {_types(spec.layers)}"
    )


def _types(layers: LayerTypes) -> str:
    floats = {name: n for name, n in layers.by_type.items() if name != "other"}
    total = sum(floats.values())
    half = floats.get("float16", 0)
    share = f"{100 * half / total:.0f} %" if total else "none"
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
