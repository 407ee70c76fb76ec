"""Describes a bundle or a checkpoint, as text or JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import Manifest, to_json
from diad_export.checkpoint.diagnosis import diagnose
from diad_export.checkpoint.diffusers_folder import is_component_folder
from diad_export.checkpoint.read import Sources
from diad_export.checkpoint.weight_files import has_weights
from diad_export.cli.engine_facts import cache_facts, cache_json, engine_facts, find_cache
from diad_export.cli.precision_facts import precision_facts

MAX_KEYS = 12
_WINOGRAD = "3 x 3 as Winograd's products, for CPUs"


@dataclass(frozen=True, slots=True)
class Inspected:
    """A description: a title, facts in order, and everything as JSON."""

    title: str
    facts: tuple[tuple[str, str], ...]
    everything: dict[str, Any]

    def as_text(self) -> str:
        """One fact per line."""
        width = max(len(name) for name, _ in self.facts)
        lines = [self.title, *(f"  {name:<{width}}  {text}" for name, text in self.facts)]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Everything as a dictionary."""
        return self.everything


def inspect_path(path: Path, parts: Mapping[str, Any] | None = None) -> Inspected:
    """Describe the bundle or checkpoint at `path`; `parts` are fields of `Sources`.

    Raises:
        BundleError, CheckpointError: it is neither, or damaged.
    """
    if path.is_dir() and not is_component_folder(path) and not has_weights(path):
        return describe_bundle(Bundle.open(path))
    return describe_checkpoint(Sources(checkpoint=path, **(parts or {})))


def describe_bundle(bundle: Bundle) -> Inspected:
    """Describe a bundle from its manifest."""
    manifest = bundle.manifest
    schedule, fusion, noise = manifest.schedule, manifest.fusion, manifest.noise
    cache = find_cache(manifest)
    size_mb = sum(record.size_bytes for record in manifest.files) / 1e6
    facts = [
        ("format", f"revision {manifest.format_revision}"),
        ("checkpoint", f"{manifest.checkpoint.name}, SHA-256 {manifest.checkpoint.sha256[:12]}…"),
        (
            "image",
            f"{manifest.image.size_px} px, RGB, mean {_list(manifest.image.mean)}, "
            f"std {_list(manifest.image.std)}",
        ),
        (
            "latents",
            f"{manifest.latents.channels} channels, 1/{manifest.latents.factor} side, "
            f"scale {manifest.latents.scale}",
        ),
        (
            "schedule",
            f"{schedule.steps} DDIM steps, {schedule.spacing}: "
            f"{', '.join(map(str, schedule.timesteps))}",
        ),
        (
            "control",
            "middle and three decoder blocks" if manifest.only_mid_control else "all skips",
        ),
        ("noise", f"seed {noise.seed}, posterior {noise.posterior}"),
        (
            "fusion",
            f"{', '.join(f'{x.name} {x.side}x{x.side}' for x in fusion.layers)}; "
            f"sigma {fusion.sigma_px} px; {fusion.pool_count} pools of "
            f"{fusion.pool_size_px} px",
        ),
        ("heatmap", f"{manifest.heatmap.low} to {manifest.heatmap.high}"),
        *_graph_facts(manifest),
        *([] if manifest.convolutions == "plain" else [("convolutions", _WINOGRAD)]),
        *precision_facts(manifest),
        *engine_facts(manifest),
        *cache_facts(cache),
        ("size", f"{size_mb:.1f} MB in {len(manifest.files)} files, all hashes correct"),
        ("built with", ", ".join(f"{k} {v}" for k, v in manifest.versions.items())),
    ]
    everything = {
        "kind": "bundle",
        "manifest": json.loads(to_json(manifest)),
        "runtime_cache": cache_json(cache),
    }
    return Inspected(f"{bundle.path}: a DiAD bundle", tuple(facts), everything)


def _graph_facts(manifest: Manifest) -> list[tuple[str, str]]:
    facts = []
    for graph in manifest.graphs:
        errors = [record.relative for record in manifest.parity if record.graph == graph.name]
        parity = f", within {max(errors):.0e} of PyTorch" if errors else ""
        facts.append(
            (
                graph.name,
                f"{graph.parameters / 1e6:.2f} M parameters, computes in {graph.precision}, "
                f"stored as {graph.stored_weights}{parity}",
            )
        )
    return facts


def describe_checkpoint(sources: Sources) -> Inspected:
    """Describe a checkpoint, and what it lacks."""
    found = diagnose(sources)
    path = sources.checkpoint
    facts = [
        ("is", found.kind),
        *((name, f"{count} tensors") for name, count in found.parts.items() if count),
    ]
    for name, size in (found.sizes or {}).items():
        facts.append((f"{name} sizes", ", ".join(f"{k} {v}" for k, v in size.items())))
    for word, keys in (
        ("missing", found.missing),
        ("misshapen", found.misshapen),
        ("extra", found.extra),
    ):
        known = bool(keys) or found.sizes is not None
        facts.append((word, _keys(keys) if known else "not known"))
    facts.append(("to do", found.advice or f"diad-export build {path} -o BUNDLE"))
    everything = {**asdict(found), "kind": "checkpoint", "is": found.kind, "whole": found.whole}
    return Inspected(f"{path}: a checkpoint", tuple(facts), everything)


def _keys(keys: tuple[str, ...]) -> str:
    if not keys:
        return "nothing"
    more = f" … and {len(keys) - MAX_KEYS} more" if len(keys) > MAX_KEYS else ""
    return f"{len(keys)}: " + ", ".join(keys[:MAX_KEYS]) + more


def _list(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
