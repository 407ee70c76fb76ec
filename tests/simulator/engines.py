"""Bundles with simulated engines."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from diad_deploy.bundle.engine_spec import BatchProfile, EngineSpec, LayerTypes, Target
from diad_deploy.bundle.folder import Bundle, BundleWriter
from diad_deploy.bundle.manifest import GRAPH_NAMES, GraphSpec

VERSIONS: dict[Target, str] = {"tensorrt": "10.16.1.11", "tensorrt-rtx": "1.7.1.116"}
SCRATCH_BYTES = 4096


def with_engines(
    bundle: Bundle,
    destination: Path,
    target: Target = "tensorrt-rtx",
    *,
    smallest: int = 1,
    largest: int = 4,
    engine: Callable[[GraphSpec], bytes] | None = None,
    change: Callable[[EngineSpec], EngineSpec] = lambda spec: spec,
) -> Bundle:
    """Copy the bundle with an engine per graph.

    Args:
        bundle: its files are linked.
        destination: the new bundle's folder.
        target: target of the engines.
        smallest, largest: batch sizes of their profile.
        engine: an engine's bytes; None for simulated ones.
        change: changes of the manifest's entry for each engine.
    """

    def simulated(graph: GraphSpec) -> bytes:
        described = {
            "onnx": str(bundle.file(graph.file)),
            "smallest": smallest,
            "largest": largest,
            "scratch_bytes": SCRATCH_BYTES,
        }
        return json.dumps(described).encode()

    manifest = bundle.manifest
    hashes = {record.path: record.sha256 for record in manifest.files}
    specs = []
    with BundleWriter(destination) as writer:
        for path in hashes:
            (writer.folder / path).parent.mkdir(parents=True, exist_ok=True)
            os.link(bundle.file(path), writer.folder / path)
        (writer.folder / "engines" / target).mkdir(parents=True)
        for name in GRAPH_NAMES:
            graph = manifest.graph(name)
            file = f"engines/{target}/{name}.engine"
            (writer.folder / file).write_bytes((engine or simulated)(graph))
            spec = EngineSpec(
                target=target,
                graph=name,
                file=file,
                graph_sha256=hashes[graph.file],
                precision="float32",
                version=VERSIONS[target],
                compute_capabilities=("8.6", "8.9"),
                gpu=None,
                driver=None,
                profile=BatchProfile(smallest=smallest, tuned=largest, largest=largest),
                workspace_bytes=None,
                optimization_level=3,
                aux_streams=0,
                layers=LayerTypes(by_type={}, fused_attentions=0, float32=()),
            )
            specs.append(change(spec))
        return writer.finish(replace(manifest, engines=tuple(specs), files=()))
