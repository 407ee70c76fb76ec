"""Which engines of a bundle fit this machine, and their bytes.

An engine is code: one whose hash is not the manifest's is never handed to TensorRT, however the
bundle was opened.
"""

import hashlib
from collections.abc import Iterator

from diad_deploy.backends.cuda.calls import Gpu
from diad_deploy.bundle.engine_spec import EngineSpec, Target
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import GRAPH_NAMES, Manifest
from diad_deploy.errors import BackendError, BundleDamagedError


def find_engines(bundle: Bundle, target: Target, gpu: Gpu, version: str) -> list[EngineSpec]:
    """The engines of the four graphs, in their order, by what the manifest says of them.

    Args:
        bundle: an opened bundle.
        target: whose engines.
        gpu: that they shall run on.
        version: of the installed TensorRT.

    Raises:
        BackendError: one is missing, or was built for another GPU, by another version, or from
            another graph; the message holds all of it and the command that builds them.
    """
    specs = [bundle.manifest.engine(target, name) for name in GRAPH_NAMES]
    found = [spec for spec in specs if spec is not None]
    missing = [name for name, spec in zip(GRAPH_NAMES, specs, strict=True) if spec is None]
    rebuild = f"build them with `{rebuild_command(bundle, target, gpu)}`"
    if missing:
        raise BackendError(f"{bundle.path}: no {target} engine for {', '.join(missing)}; {rebuild}")
    faults = [fault for spec in found for fault in _faults(bundle.manifest, spec, gpu, version)]
    if faults:
        raise BackendError(f"{bundle.path}: {target} engines: {', '.join(faults)}; {rebuild}")
    return found


def has_engines(bundle: Bundle, target: Target) -> bool:
    """Whether the bundle holds any engine for `target`."""
    return any(engine.target == target for engine in bundle.manifest.engines)


def rebuild_command(bundle: Bundle, target: Target, gpu: Gpu) -> str:
    """What builds this bundle's engines for this GPU."""
    command = f"diad-export engines {bundle.path} --target {target}"
    if target == "tensorrt":  # builds on the GPU at hand
        return command
    return f"{command} --compute-capability {gpu.compute_capability}"


def size_bytes(bundle: Bundle, specs: list[EngineSpec]) -> int:
    """Size of the engines' files together, which is about what their weights need on the GPU."""
    files = {spec.file for spec in specs}
    return sum(record.size_bytes for record in bundle.manifest.files if record.path in files)


def read_engine(bundle: Bundle, spec: EngineSpec) -> bytes:
    """The engine's bytes, which are those the manifest records.

    Raises:
        BundleDamagedError: they are not, or cannot be read.
    """
    path = bundle.file(spec.file)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleDamagedError(
            f"{path}: cannot be read: {error.strerror or error}; copy the bundle again"
        ) from error
    expected, found = _recorded_hash(bundle.manifest, spec.file), hashlib.sha256(content)
    if found.hexdigest() != expected:
        raise BundleDamagedError(
            f"{path}: the engine has changed, so it is not loaded: expected SHA-256 "
            f"{expected[:12]}…, found {found.hexdigest()[:12]}…; copy the bundle again, or build "
            f"the engines again"
        )
    return content


def _faults(manifest: Manifest, spec: EngineSpec, gpu: Gpu, version: str) -> Iterator[str]:
    if spec.version != version:
        yield (
            f"{spec.graph} was built by version {spec.version}, but version {version} is installed"
        )
    if gpu.compute_capability not in spec.compute_capabilities:
        yield (
            f"{spec.graph} was built for compute capability "
            f"{' and '.join(spec.compute_capabilities)}, but {gpu.name} has "
            f"{gpu.compute_capability}"
        )
    graph = _recorded_hash(manifest, manifest.graph(spec.graph).file)
    if spec.graph_sha256.lower() != graph:
        yield (
            f"{spec.graph} was built from a graph with SHA-256 {spec.graph_sha256[:12]}…, but the "
            f"bundle's has {graph[:12]}…"
        )


def _recorded_hash(manifest: Manifest, path: str) -> str:
    found = (record.sha256.lower() for record in manifest.files if record.path == path)
    return next(found, "none recorded")
