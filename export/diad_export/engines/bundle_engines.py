"""Engines in a bundle: `engines/<target>/<graph>.engine`, and what the manifest says of them."""

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
"""Shows the build of the engine called so."""


def no_bar(_name: str) -> AbstractContextManager[Callable[[Advance], None]]:
    """Shows nothing."""
    return nullcontext(lambda now: None)


def resolve_target(options: EngineOptions) -> tuple[EngineOptions, Machine]:
    """Options with their capabilities settled, and the machine; nothing is built yet.

    Raises:
        OptionError, BackendError: options that do not fit, no TensorRT, no GPU.
    """
    check_options(options)
    machine = ask_worker(Request(options=options)).machine
    if machine is None:
        raise ExportError(f"--target {options.target}: the machine could not be looked at")
    settled = resolve_capabilities(options.target, options.compute_capabilities, machine)
    return dataclasses.replace(options, compute_capabilities=settled), machine


def check_convolutions(convolutions: Convolutions, options: EngineOptions) -> None:
    """TensorRT chooses its own algorithms, from plain convolutions.

    Raises:
        OptionError: the graphs have none.
    """
    if convolutions != "plain":
        raise OptionError(
            f"--target {options.target}: expected plain convolutions, from which TensorRT makes "
            f"its own, found graphs rewritten for processors; build without --convolutions "
            f"{convolutions}"
        )


def add_engines(
    path: Path, options: EngineOptions, *, progress: Line = lambda line: None, bar: Bar = no_bar
) -> Bundle:
    """Build one target's engines for a bundle that is there; all else in it stays.

    The bundle is replaced whole when all engines are built and proved, or stays as it was.

    Raises:
        BundleError: there is no bundle, or it is damaged.
        OptionError, BackendError, ExportError, OutputError: see `make_engines`.
    """
    check_options(options)
    bundle = Bundle.open(path)
    check_convolutions(bundle.manifest.convolutions, options)
    settled, machine = resolve_target(options)
    with BundleWriter(path, force=True) as writer:
        kept = tuple(e for e in bundle.manifest.engines if e.target != options.target)
        dropped = {e.file for e in bundle.manifest.engines} - {e.file for e in kept}
        for record in bundle.manifest.files:
            if record.path not in dropped:
                _carry(bundle.path / record.path, writer.folder / record.path)
        if (bundle.path / THRESHOLDS_NAME).is_file():
            _carry(bundle.path / THRESHOLDS_NAME, writer.folder / THRESHOLDS_NAME)
        made = make_engines(
            writer.folder, bundle.manifest, settled, machine, progress=progress, bar=bar
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
    """Build the engines of all graphs in `folder` into it.

    Args:
        folder: holds the manifest's graphs.
        manifest: of the bundle; its files need not be recorded yet.
        options, machine: as `resolve_target` gave them.
        progress: called with one line an engine.
        bar: shows each build.

    Raises:
        ExportError: lint refuses a graph, a graph cannot be parsed or built, an engine's types are
            not what was asked for, or memory is too small.
    """
    if options.memory_check:
        for graph in manifest.graphs:
            check_memory(graph, available_bytes())
    for graph in manifest.graphs:
        if not lint(folder / graph.file, graph, batch=options.profile.smallest):
            progress(f"{graph.name}: too large for Polygraphy's lint, which was left out")
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
    wide = precision is not None and any(part.graph == graph.name for part in precision.wide)
    request = EngineRequest(
        graph=graph,
        onnx_file=str((folder / graph.file).resolve()),
        engine_file=str((folder / file).resolve()),
        options=options,
        wide=wide,
    )
    with bar(graph.name) as tell:
        answer = ask_worker(Request(options=options, engine=request), tell)
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


def _carry(source: Path, destination: Path) -> None:
    """The same file under a new name: a link where the file system has them, else a copy."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), destination)
    except OSError:
        shutil.copy2(source, destination)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
