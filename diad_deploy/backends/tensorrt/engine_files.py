"""Selection of the engines that fit this machine, and reading of their files.

An engine contains code. If its hash differs from the manifest it is never passed to TensorRT, even
if the bundle was opened without verification.
"""

import hashlib
from collections.abc import Iterator

from diad_deploy.backends.cuda.calls import Gpu
from diad_deploy.bundle.engine_spec import EngineSpec, Target
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import GRAPH_NAMES, Manifest
from diad_deploy.errors import BackendError, BundleDamagedError


def select_engines(bundle: Bundle, target: Target, gpu: Gpu, version: str) -> list[EngineSpec]:
    """Select the engines of the four graphs by their records in the manifest.

    Args:
        bundle: an opened bundle.
        target: the library.
        gpu: the GPU to run on.
        version: version of the installed library.

    Returns:
        The engines in the order of `GRAPH_NAMES`.

    Raises:
        BackendError: an engine is missing, or was built for another GPU, by another version, or
            from another graph; the message lists all faults and the command to rebuild them.
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
    """Whether the bundle contains engines for `target`."""
    return any(engine.target == target for engine in bundle.manifest.engines)


def rebuild_command(bundle: Bundle, target: Target, gpu: Gpu) -> str:
    """The command that builds the bundle's engines for this GPU."""
    command = f"diad-export engines {bundle.path} --target {target}"
    if target == "tensorrt":  # builds for the GPU of the machine it runs on
        return command
    return f"{command} --compute-capability {gpu.compute_capability}"


def size_bytes(bundle: Bundle, specs: list[EngineSpec]) -> int:
    """Total size of the engines' files, which is about the GPU memory of their weights."""
    files = {spec.file for spec in specs}
    return sum(record.size_bytes for record in bundle.manifest.files if record.path in files)


def read_engine(bundle: Bundle, spec: EngineSpec) -> bytes:
    """Read an engine and verify its hash.

    Raises:
        BundleDamagedError: the file cannot be read, or differs from the manifest.
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
            f"{path}: the engine has changed and is not loaded: expected SHA-256 "
            f"{expected[:12]}…, found {found.hexdigest()[:12]}…; copy the bundle again, or rebuild "
            f"the engines"
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
