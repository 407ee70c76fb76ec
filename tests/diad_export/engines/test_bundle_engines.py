"""Engines are added to a bundle all or none, and everything else is kept."""

import dataclasses
import hashlib
import shutil
from pathlib import Path

import pytest

from diad_deploy.bundle.engine_spec import LayerTypes
from diad_deploy.bundle.folder import THRESHOLDS_NAME, Bundle
from diad_deploy.errors import BundleDamagedError, ExportError, OutputError
from diad_deploy.thresholds.file import find_thresholds, write_thresholds
from diad_export.engines import bundle_engines
from diad_export.engines.bundle_engines import add_engines
from diad_export.engines.machine import Gpu, Machine
from diad_export.engines.options import EngineOptions
from diad_export.engines.protocol import Answer, BuiltEngine, Request
from tests.diad_deploy.thresholds.threshold_case import make_thresholds
from tests.standin import write_standin_bundle

RTX = EngineOptions(target="tensorrt-rtx", compute_capabilities=("8.9",))
FULL = EngineOptions(target="tensorrt", workspace_mib=64)
LAYERS = LayerTypes(by_type={"float32": 2}, fused_attentions=0, float32=("a", "b"))
GPU = Gpu(name="card", compute_capability="9.0", driver="CUDA 13.0")
MACHINE = Machine(version="1.7", capabilities=("8.6", "8.9"), gpu=GPU)


class FakeWorker:
    """Answers like the worker; the engine of the graph `fails_at` fails."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.fails_at = ""

    def __call__(self, request: Request, report_progress: object = None) -> Answer:
        self.requests.append(request)
        engine = request.engine
        if engine is None:
            return Answer(machine=MACHINE)
        if engine.graph.name == self.fails_at:
            raise ExportError(f"{engine.graph.name}: no")
        text = f"{engine.options.target} {len(self.requests)}"
        Path(engine.engine_file).write_text(text)
        built = BuiltEngine(
            layers=LAYERS, optimization_level=3, aux_streams=1, seconds=0.1, note=""
        )
        return Answer(built=built, peak_bytes=10**8)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> FakeWorker:
    fake = FakeWorker()
    monkeypatch.setattr(bundle_engines, "ask_worker", fake)
    # two seconds a graph; `test_builtin_engines` has it
    monkeypatch.setattr(bundle_engines, "lint", lambda path, graph, batch: True)
    return fake


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_manifest_lists_what_was_built(own_bundle: Bundle, worker: FakeWorker) -> None:
    add_engines(own_bundle.path, FULL)
    bundle = Bundle.open(own_bundle.path)
    assert len(bundle.manifest.engines) == 4
    spec = bundle.manifest.engine("tensorrt", "denoiser")
    assert spec is not None
    assert bundle.file(spec.file) == own_bundle.path / "engines/tensorrt/denoiser.engine"
    graph = own_bundle.path / "denoiser.onnx"
    assert spec.graph_sha256 == hashlib.sha256(graph.read_bytes()).hexdigest()
    assert (spec.gpu, spec.driver, spec.version) == ("card", "CUDA 13.0", "1.7")
    assert spec.compute_capabilities == ("9.0",)
    assert spec.workspace_bytes == 64 * 2**20
    assert (spec.optimization_level, spec.aux_streams) == (3, 1)
    assert spec.layers == LAYERS
    assert dataclasses.replace(bundle.manifest, engines=(), files=()) == dataclasses.replace(
        own_bundle.manifest, files=()
    )


def test_one_target_again_keeps_the_others(own_bundle: Bundle, worker: FakeWorker) -> None:
    add_engines(own_bundle.path, FULL)
    add_engines(own_bundle.path, RTX)
    before = contents(own_bundle.path)
    add_engines(own_bundle.path, RTX)
    after = contents(own_bundle.path)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    engines = {f"engines/tensorrt-rtx/{g.name}.engine" for g in own_bundle.manifest.graphs}
    assert changed == engines | {"bundle.json"}
    assert len(Bundle.open(own_bundle.path).manifest.engines) == 8


def test_a_failure_leaves_the_bundle_as_it_was(own_bundle: Bundle, worker: FakeWorker) -> None:
    add_engines(own_bundle.path, RTX)
    before = contents(own_bundle.path.parent)
    worker.fails_at = "decoder"
    with pytest.raises(ExportError, match="decoder: no"):
        add_engines(own_bundle.path, RTX)
    assert contents(own_bundle.path.parent) == before


def test_new_graphs_drop_the_engines(own_bundle: Bundle, worker: FakeWorker) -> None:
    add_engines(own_bundle.path, RTX)
    rebuilt = write_standin_bundle(own_bundle.path, force=True)
    assert rebuilt.manifest.engines == ()
    assert not (own_bundle.path / "engines").exists()


def test_a_damaged_bundle_gets_no_engines(own_bundle: Bundle, worker: FakeWorker) -> None:
    (own_bundle.path / "decoder.onnx").write_bytes(b"other")
    with pytest.raises(BundleDamagedError, match=r"decoder\.onnx"):
        add_engines(own_bundle.path, RTX)
    assert worker.requests == []


def test_an_engine_that_is_missing_is_damage(own_bundle: Bundle, worker: FakeWorker) -> None:
    add_engines(own_bundle.path, RTX)
    (own_bundle.path / "engines/tensorrt-rtx/scorer.engine").unlink()
    with pytest.raises(BundleDamagedError, match=r"scorer\.engine.*missing"):
        Bundle.open(own_bundle.path)


def test_no_links_means_copies(
    own_bundle: Bundle, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(bundle_engines.os, "link", refuse)
    add_engines(own_bundle.path, RTX)
    assert len(Bundle.open(own_bundle.path).manifest.engines) == 4


def test_a_full_disk_is_one_line(
    own_bundle: Bundle, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = contents(own_bundle.path.parent)
    monkeypatch.setattr(bundle_engines.os, "link", full)
    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(OutputError, match="No space left"):
        add_engines(own_bundle.path, RTX)
    assert contents(own_bundle.path.parent) == before


def test_memory_is_checked_before_anything_is_built(
    own_bundle: Bundle, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_engines, "available_bytes", lambda: 1000)
    with pytest.raises(ExportError, match="--no-memory-check"):
        add_engines(own_bundle.path, RTX)
    assert [request.engine for request in worker.requests] == [None]
    add_engines(own_bundle.path, dataclasses.replace(RTX, memory_check=False))


def test_each_engine_has_a_line_and_a_bar(own_bundle: Bundle, worker: FakeWorker) -> None:
    lines: list[str] = []
    bars: list[str] = []

    def bar(name: str):
        bars.append(name)
        return bundle_engines.no_bar(name)

    add_engines(own_bundle.path, RTX, progress=lines.append, bar=bar)
    assert bars == ["encoder", "denoiser", "decoder", "scorer"]
    assert lines[0].startswith("encoder engine: 0.1 s, ")
    assert lines[0].endswith("at most 0.1 GB of memory")


def test_thresholds_stay(own_bundle: Bundle, worker: FakeWorker) -> None:
    thresholds = make_thresholds(own_bundle.manifest)
    write_thresholds(own_bundle.path / THRESHOLDS_NAME, thresholds)
    manifest = add_engines(own_bundle.path, RTX).manifest
    assert THRESHOLDS_NAME not in {record.path for record in manifest.files}
    assert find_thresholds(own_bundle.path, manifest) == thresholds
