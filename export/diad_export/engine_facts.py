"""A bundle's engines, a line each, for a person."""

from diad_deploy.engine_spec import EngineSpec, LayerTypes
from diad_deploy.manifest import Manifest

MOST_NAMES = 3


def engine_facts(manifest: Manifest) -> list[tuple[str, str]]:
    """For each engine: what it is for, and what was read back of its types."""
    return [(f"{spec.graph} engine", _line(spec)) for spec in manifest.engines]


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
    more = ", …" if len(names) > MOST_NAMES else ""
    return f"{len(names)} ({', '.join(names[:MOST_NAMES])}{more})"
