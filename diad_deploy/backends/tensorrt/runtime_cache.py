"""Cache files of the kernels that TensorRT-RTX compiles for a GPU.

The user's cache folder contains one file per set of engines, GPU and version. Nothing here raises:
without a usable cache, the kernels are compiled again at each start.
"""

import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from diad_deploy.backends.cuda.calls import Gpu
from diad_deploy.bundle.engine_spec import Target
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.files.atomic_file import PARTIAL, write_atomically

FOLDER_VARIABLE = "DIAD_CACHE_DIR"
MAX_BYTES = 2**30
"""Limit of all files together; the least recently used are removed first."""

_TARGET: Target = "tensorrt-rtx"
_SUFFIX = ".kernels"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSize:
    """The size of the cache.

    Attributes:
        folder: the cache folder, which may not exist yet.
        bundle_bytes: size for a bundle's engines, on all GPUs.
        total_bytes: size for all bundles.
    """

    folder: Path
    bundle_bytes: int
    total_bytes: int


def cache_folder() -> Path | None:
    """The user's cache folder, which may not exist yet; None if there is no home folder."""
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        return Path(given).absolute() / _TARGET
    variable = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
    base = Path(os.environ.get(variable, ""))
    # relative paths are ignored, as the XDG specification requires
    if not base.is_absolute():
        try:
            base = Path.home() / ("AppData/Local" if sys.platform == "win32" else ".cache")
        except RuntimeError:
            return None
    return base / "diad_deploy" / _TARGET


def cache_size(manifest: Manifest) -> CacheSize | None:
    """The size of the cache for a bundle and in total; None if there is no cache folder."""
    folder = cache_folder()
    if folder is None:
        return None
    stem = _engines_key(manifest)
    sizes = {path.name: status.st_size for path, status in _files(folder)}
    return CacheSize(
        folder=folder,
        bundle_bytes=sum(size for name, size in sizes.items() if name.startswith(stem)),
        total_bytes=sum(sizes.values()),
    )


class RuntimeCacheFile:
    """The cache file for a bundle's engines on a type of GPU.

    Args:
        manifest: the manifest, with the engines' hashes.
        gpu: the GPU.
        version: version of TensorRT-RTX.
    """

    def __init__(self, manifest: Manifest, gpu: Gpu, version: str) -> None:
        folder = cache_folder()
        machine = _hash([gpu.name, gpu.compute_capability, version])
        self.path = folder and folder / f"{_engines_key(manifest)}-{machine}{_SUFFIX}"

    def read(self) -> bytes | None:
        """The content; None if there is no file, or if another user may have written it."""
        if self.path is None:
            return None
        try:
            with self.path.open("rb") as file:
                # the file contains code, which must not come from another user
                if not _is_own(os.fstat(file.fileno())):
                    return None
                content = file.read()
            # marks the file as recently used
            os.utime(self.path)
        except OSError:
            return None
        return content

    def write(self, content: bytes) -> None:
        """Write the file atomically, and remove the least recently used beyond `MAX_BYTES`."""
        if self.path is None or len(content) > MAX_BYTES:
            return
        with suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self.path, content, mode=0o600)
            _remove_oldest(self.path.parent)


def _engines_key(manifest: Manifest) -> str:
    files = {spec.file for spec in manifest.engines if spec.target == _TARGET}
    return _hash(sorted(one.sha256.lower() for one in manifest.files if one.path in files))


def _hash(parts: Iterable[str]) -> str:
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()[:24]


def _is_own(status: os.stat_result) -> bool:
    if sys.platform == "win32":  # the permissions of the folder ensure it
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """Cache files and leftovers of killed runs, the least recently used first."""
    found = []
    with suppress(OSError):
        for path in folder.iterdir():
            # another process may remove the file meanwhile
            with suppress(OSError):
                if path.name.endswith((_SUFFIX, PARTIAL)):
                    found.append((path, path.stat()))
    return sorted(found, key=lambda one: one[1].st_mtime_ns)


def _remove_oldest(folder: Path) -> None:
    files = _files(folder)
    beyond = sum(status.st_size for _, status in files) - MAX_BYTES
    for path, status in files:
        if beyond <= 0:
            return
        path.unlink(missing_ok=True)
        beyond -= status.st_size
