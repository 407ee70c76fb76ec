"""What TensorRT-RTX compiled for a GPU, in files, so that the next start need not compile it.

They lie in a cache folder of the user's, one for each set of engines, GPU and version. Nothing here
raises: a folder that cannot be read or written costs the time that it would have saved.
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
"""Of all files together; those that were not used for the longest time go first."""

_TARGET: Target = "tensorrt-rtx"
_SUFFIX = ".kernels"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSize:
    """How much is kept.

    Attributes:
        folder: where; it may not exist yet.
        bundle_bytes: for one bundle's engines, on all GPUs.
        total_bytes: for all bundles.
    """

    folder: Path
    bundle_bytes: int
    total_bytes: int


def cache_folder() -> Path | None:
    """The user's folder for these files, which may not exist yet; None where there is no home."""
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        return Path(given).absolute() / _TARGET
    variable = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
    base = Path(os.environ.get(variable, ""))
    # the XDG specification has relative paths ignored
    if not base.is_absolute():
        try:
            base = Path.home() / ("AppData/Local" if sys.platform == "win32" else ".cache")
        except RuntimeError:
            return None
    return base / "diad_deploy" / _TARGET


def cache_size(manifest: Manifest) -> CacheSize | None:
    """What is kept for a bundle and in all; None where there is nowhere to keep it."""
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
    """The file of one bundle's engines on one kind of GPU.

    Args:
        manifest: of the bundle, with the engines' hashes.
        gpu: what they run on.
        version: of TensorRT-RTX.
    """

    def __init__(self, manifest: Manifest, gpu: Gpu, version: str) -> None:
        folder = cache_folder()
        machine = _hash([gpu.name, gpu.compute_capability, version])
        self.path = folder and folder / f"{_engines_key(manifest)}-{machine}{_SUFFIX}"

    def read(self) -> bytes | None:
        """What is kept; None where there is nothing, or where another user may have written it."""
        if self.path is None:
            return None
        try:
            with self.path.open("rb") as file:
                # it is code: it must come from nobody else
                if not _is_own(os.fstat(file.fileno())):
                    return None
                content = file.read()
            # what is used stays longest
            os.utime(self.path)
        except OSError:
            return None
        return content

    def write(self, content: bytes) -> None:
        """Keep it, whole or not at all, and remove the oldest files beyond `MAX_BYTES`."""
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
    if sys.platform == "win32":  # the folder's rights say it there
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """Those kept and what killed runs left, the one unused for the longest time first."""
    found = []
    with suppress(OSError):
        for path in folder.iterdir():
            # another process may remove it meanwhile
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
