"""What TensorRT-RTX compiled is kept for the next start, and never stops one."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from diad_deploy import Detector
from diad_deploy.backends.cuda.calls import Gpu
from diad_deploy.backends.tensorrt import runtime_cache
from diad_deploy.backends.tensorrt.runtime_cache import (
    FOLDER_VARIABLE,
    RuntimeCacheFile,
    cache_folder,
    cache_size,
)
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import Manifest
from tests.diad_deploy.detector.test_detector import make_images
from tests.simulator.engines import with_engines
from tests.simulator.machine import Machine
from tests.simulator.tensorrt import SimulatedRuntimeCache, SimulatedRuntimeConfig

GPU = Gpu(name="Simulated GPU", compute_capability="8.9")
VERSION = "1.7.1.116"


@pytest.fixture
def bundle(standin_bundle: Bundle, tmp_path: Path) -> Bundle:
    return with_engines(standin_bundle, tmp_path / "bundle")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "tensorrt-rtx"


def run(bundle: Bundle, batch_size: int = 2) -> None:
    with Detector.open(bundle, backend="tensorrt-rtx", batch_size=batch_size) as detector:
        detector.detect(make_images(1))


def test_the_second_start_compiles_nothing(machine: Machine, bundle: Bundle, folder: Path) -> None:
    run(bundle)
    first = machine.tensorrt_rtx.compiled
    assert first > 0
    (file,) = folder.iterdir()
    assert cache_size(bundle.manifest) == runtime_cache.CacheSize(
        folder=folder, bundle_bytes=file.stat().st_size, total_bytes=file.stat().st_size
    )
    written = file.stat().st_mtime_ns, file.stat().st_ino
    run(bundle)
    assert machine.tensorrt_rtx.compiled == first
    # it was used, and not written again
    assert file.stat().st_mtime_ns > written[0]
    assert file.stat().st_ino == written[1]
    run(bundle, batch_size=4)
    assert machine.tensorrt_rtx.compiled > first
    assert file.stat().st_ino != written[1]


def test_tensorrt_keeps_nothing(
    machine: Machine, standin_bundle: Bundle, tmp_path: Path, folder: Path
) -> None:
    bundle = with_engines(standin_bundle, tmp_path / "bundle", "tensorrt")
    with Detector.open(bundle, backend="tensorrt") as detector:
        detector.detect(make_images(1))
    assert not folder.parent.exists()


@pytest.mark.parametrize("content", [b"", b"of another driver"])
def test_what_does_not_fit_is_replaced(
    machine: Machine, bundle: Bundle, folder: Path, content: bytes
) -> None:
    run(bundle)
    (file,) = folder.iterdir()
    kept = file.read_bytes()
    file.write_bytes(content)
    run(bundle)
    assert file.read_bytes() == kept


def test_a_folder_that_cannot_be_written_is_not_an_error(
    machine: Machine, bundle: Bundle, folder: Path
) -> None:
    folder.parent.write_text("a file in the way")
    run(bundle)
    assert cache_size(bundle.manifest) == runtime_cache.CacheSize(
        folder=folder, bundle_bytes=0, total_bytes=0
    )


@pytest.mark.parametrize(
    ("owner", "name"),
    [(SimulatedRuntimeConfig, "create_runtime_cache"), (SimulatedRuntimeCache, "serialize")],
)
def test_a_library_that_refuses_to_cache_is_not_an_error(
    machine: Machine,
    bundle: Bundle,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("not in this version")

    monkeypatch.setattr(owner, name, refuse)
    run(bundle)
    assert not folder.exists()


def test_a_file_belongs_to_engines_gpu_and_version(bundle: Bundle, folder: Path) -> None:
    changed = tuple(
        replace(one, sha256="0" * 64) if one.path.endswith("scorer.engine") else one
        for one in bundle.manifest.files
    )
    paths = {
        RuntimeCacheFile(manifest, gpu, version).path
        for manifest, gpu, version in (
            (bundle.manifest, GPU, VERSION),
            (replace(bundle.manifest, files=changed), GPU, VERSION),
            (bundle.manifest, replace(GPU, name="Another GPU"), VERSION),
            (bundle.manifest, replace(GPU, compute_capability="8.6"), VERSION),
            (bundle.manifest, GPU, "1.8.0.1"),
        )
    }
    assert len(paths) == 5
    assert {path.parent for path in paths if path} == {folder}


@pytest.mark.skipif(sys.platform == "win32", reason="rights are of another kind there")
def test_a_file_that_others_may_have_written_is_not_read(bundle: Bundle, folder: Path) -> None:
    file = RuntimeCacheFile(bundle.manifest, GPU, VERSION)
    file.write(b"kernels")
    assert file.read() == b"kernels"
    assert file.path is not None
    assert file.path.stat().st_mode & 0o077 == 0
    file.path.chmod(0o666)
    assert file.read() is None


def test_the_oldest_go_first(
    standin_bundle: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_cache, "MAX_BYTES", 25)
    files = [RuntimeCacheFile(standin_bundle.manifest, GPU, str(n)) for n in range(3)]
    for age, file in enumerate(files):
        file.write(b"0123456789")
        assert file.path is not None
        if age < 2:
            os.utime(file.path, ns=(age, age))
    assert [file.read() is not None for file in files] == [False, True, True]
    files[0].write(b"x" * 26)
    assert len(list(folder.iterdir())) == 2
    # what a killed run left goes, too
    leftover = folder / ".left.partial"
    leftover.write_bytes(b"01234567")
    os.utime(leftover, ns=(0, 0))
    files[2].write(b"9876543210")
    assert not leftover.exists()
    assert files[2].read() == b"9876543210"


@pytest.mark.skipif(sys.platform == "win32", reason="folders are of another kind there")
def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, manifest: Manifest) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "diad_deploy/tensorrt-rtx"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_folder() == Path("/home/someone/.cache/diad_deploy/tensorrt-rtx")
    monkeypatch.setattr(Path, "home", no_home)
    assert cache_folder() is None
    assert cache_size(manifest) is None
    file = RuntimeCacheFile(manifest, GPU, VERSION)
    file.write(b"kernels")
    assert file.read() is None


def no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.fixture
def manifest(standin_bundle: Bundle) -> Manifest:
    return standin_bundle.manifest
