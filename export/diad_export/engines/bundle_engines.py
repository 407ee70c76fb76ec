"""Engines in a bundle: `engines/<target>/<graph>.engine`, and their entries in the manifest."""

import dataclasses
import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from diad_deploy.bundle.engine_spec import EngineSpec
from diad_deploy.bundle.folder import THRESHOLDS_NAME, Bundle, BundleWriter
from diad_deploy.bundle.manifest import FORMAT_REVISION, Convolutions, GraphSpec, Manifest
from diad_deploy.errors import ExportError, OptionError
from diad_export.engines.child_process import ask_worker
from diad_export.engines.machine import Machine, resolve_capabilities
from diad_export.engines.memory import available_bytes, check_memory
from diad_export.engines.options import EngineOptions, check_options
from diad_export.engines.protocol import Advance, BuiltEngine, EngineRequest, Request
from diad_export.engines.sanitized import lint

Line = Callable[[str], None]
Bar = Callable[[str], AbstractContextManager[Callable[[Advance], None]]]
"""Shows the progress of the build of an engine, by its name."""


def no_bar(_name: str) -> AbstractContextManager[Callable[[Advance], None]]:
    """Show no progress."""
    return nullcontext(lambda now: None)


def resolve_target(options: EngineOptions) -> tuple[EngineOptions, Machine]:
    """Check the options and fill in their compute capabilities, without building anything.

    Returns:
        The complete options, and the machine.

    Raises:
        OptionError: the options do not fit each other or the machine.
        BackendError: TensorRT, or the GPU that the target needs, is missing.
    """
    check_options(options)
    machine = ask_worker(Request(options=options)).machine
    if machine is None:
        raise ExportError(
            f"--target {options.target}: the build process did not describe the machine"
        )
    capabilities = resolve_capabilities(options.target, options.compute_capabilities, machine)
    return dataclasses.replace(options, compute_capabilities=capabilities), machine


def check_convolutions(convolutions: Convolutions, options: EngineOptions) -> None:
    """Check that the graphs have plain convolutions, for which TensorRT chooses its algorithms.

    Raises:
        OptionError: they were rewritten.
    """
    if convolutions != "plain":
        raise OptionError(
            f"--target {options.target}: expected plain convolutions, found graphs rewritten for "
            f"CPUs; build without --convolutions {convolutions}"
        )


def add_engines(
    path: Path, options: EngineOptions, *, progress: Line = lambda line: None, bar: Bar = no_bar
) -> Bundle:
    """Build the engines of one target into an existing bundle; everything else in it is kept.

    The bundle is replaced once all engines are built and checked, and unchanged if one fails.

    Args:
        path: the bundle's folder.
        options: which engines to build.
        progress: called with a line per engine.
        bar: shows the build of each engine.

    Raises:
        BundleError: there is no bundle at `path`, or it is damaged.
        OptionError, BackendError, ExportError, OutputError: see `make_engines`.
    """
    check_options(options)
    bundle = Bundle.open(path)
    check_convolutions(bundle.manifest.convolutions, options)
    resolved, machine = resolve_target(options)
    with BundleWriter(path, force=True) as writer:
        kept = tuple(e for e in bundle.manifest.engines if e.target != options.target)
        dropped = {e.file for e in bundle.manifest.engines} - {e.file for e in kept}
        for record in bundle.manifest.files:
            if record.path not in dropped:
                _link_or_copy(bundle.path / record.path, writer.folder / record.path)
        if (bundle.path / THRESHOLDS_NAME).is_file():
            _link_or_copy(bundle.path / THRESHOLDS_NAME, writer.folder / THRESHOLDS_NAME)
        made = make_engines(
            writer.folder, bundle.manifest, resolved, machine, progress=progress, bar=bar
        )
        return writer.finish(
            dataclasses.replace(
                bundle.manifest, format_revision=FORMAT_REVISION, engines=(*kept, *made)
            )
        )


def make_engines(
    folder: Path,
    manifest: Manifest,
    options: EngineOptions,
    machine: Machine,
    *,
    progress: Line = lambda line: None,
    bar: Bar = no_bar,
) -> tuple[EngineSpec, ...]:
    """Build the engines of all graphs in a folder into the same folder.

    Args:
        folder: holds the manifest's graphs.
        manifest: of the bundle; its list of files is not used.
        options, machine: from `resolve_target`.
        progress: called with a line for each engine.
        bar: shows the progress of each build.

    Raises:
        ExportError: lint rejects a graph, a graph cannot be parsed or built, an engine does not
            have the requested types, or there is too little memory.
    """
    if options.memory_check:
        for graph in manifest.graphs:
            check_memory(graph, available_bytes())
    for graph in manifest.graphs:
        if not lint(folder / graph.file, graph, batch=options.profile.smallest):
            progress(f"{graph.name}: too large for Polygraphy's lint, which was skipped")
    target = folder / "engines" / options.target
    target.mkdir(parents=True, exist_ok=True)
    return tuple(
        _make_one(folder, graph, manifest, options, machine, progress, bar)
        for graph in manifest.graphs
    )


def _make_one(
    folder: Path,
    graph: GraphSpec,
    manifest: Manifest,
    options: EngineOptions,
    machine: Machine,
    progress: Line,
    bar: Bar,
) -> EngineSpec:
    file = f"engines/{options.target}/{graph.name}.engine"
    precision = manifest.precision
    float32_allowed = precision is not None and any(
        part.graph == graph.name for part in precision.wide
    )
    request = EngineRequest(
        graph=graph,
        onnx_file=str((folder / graph.file).resolve()),
        engine_file=str((folder / file).resolve()),
        options=options,
        float32_allowed=float32_allowed,
    )
    with bar(graph.name) as advance:
        answer = ask_worker(Request(options=options, engine=request), advance)
    if answer.built is None:
        raise ExportError(f"{graph.name}: the engine was not built")
    progress(_line(graph.name, answer.built, folder / file, answer.peak_bytes))
    return _spec(folder, graph, file, options, machine, answer.built)


def _spec(
    folder: Path,
    graph: GraphSpec,
    file: str,
    options: EngineOptions,
    machine: Machine,
    built: BuiltEngine,
) -> EngineSpec:
    gpu, limit = machine.gpu, options.workspace_mib
    return EngineSpec(
        target=options.target,
        graph=graph.name,
        file=file,
        graph_sha256=_sha256(folder / graph.file),
        precision=graph.precision,
        version=machine.version,
        compute_capabilities=options.compute_capabilities,
        gpu=gpu.name if gpu else None,
        driver=gpu.driver if gpu else None,
        profile=options.profile,
        workspace_bytes=None if limit is None else limit * 1024 * 1024,
        optimization_level=built.optimization_level,
        aux_streams=built.aux_streams,
        layers=built.layers,
    )


def _line(name: str, built: BuiltEngine, path: Path, peak_bytes: int | None) -> str:
    parts = [f"{built.seconds:.1f} s", f"{path.stat().st_size / 1e6:.1f} MB"]
    if peak_bytes is not None:
        parts.append(f"at most {peak_bytes / 1e9:.1f} GB of memory")
    if built.note:
        parts.append(built.note)
    return f"{name} engine: {', '.join(parts)}"


def _link_or_copy(source: Path, destination: Path) -> None:
    """Link `destination` to the file, or copy it where the file system has no links."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), destination)
    except OSError:
        shutil.copy2(source, destination)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
