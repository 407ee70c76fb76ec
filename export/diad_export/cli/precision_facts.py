"""The mixed precision of a bundle's graphs, as shown by `diad-export inspect`."""

from collections.abc import Iterator

from diad_deploy.bundle.manifest import Manifest
from diad_deploy.bundle.precision_spec import Float32Part, PrecisionSpec

WHY = {
    "design": "by design",
    "range": "near float16's limit",
    "constant": "constants that float16 cannot hold",
    "sum": "sums of many values",
}
MAX_NAMED = 6


def precision_facts(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Facts of float16 bundles; empty for others."""
    spec = manifest.precision
    if spec is None:
        return
    yield (
        "precision",
        f"{spec.precision}, measured on {spec.pictures} images ({spec.calibration}); float32 "
        f"beyond {spec.limit_abs:g}",
    )
    for graph in spec.ranges:
        parts = [part for part in spec.wide if part.graph == graph.graph]
        count = sum(part.nodes for part in parts)
        yield (
            f"{graph.graph} float32",
            f"{count} of {graph.nodes} nodes ({_reasons(parts)}); largest value "
            f"{graph.largest_abs:.4g} at {graph.node}",
        )
    yield from _measured(spec)


def _reasons(parts: list[Float32Part]) -> str:
    counts = {
        why: sum(part.nodes for part in parts if part.reason == reason)
        for reason, why in WHY.items()
    }
    return ", ".join(f"{count} {why}" for why, count in counts.items() if count) or "none"


def _measured(spec: PrecisionSpec) -> Iterator[tuple[str, str]]:
    """The nodes that are float32 because of their values, the largest values first."""
    found = [part for part in spec.wide if part.reason in ("range", "constant")]
    found.sort(key=lambda part: part.largest_abs, reverse=True)
    if found:
        named = ", ".join(
            f"{part.graph}'s {part.node} {part.largest_abs:.4g}" for part in found[:MAX_NAMED]
        )
        more = f" … and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
        yield "measured", named + more
