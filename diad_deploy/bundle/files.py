"""Whether the files of a bundle are what its manifest says, and lie where they may.

A bundle's own files are plain files in its folder. A hub's cache lays links in their place, such as
`encoder.onnx -> ../../blobs/<hash>`. Such a link may leave the folder where it ends in a plain file
whose content is proved by a hash. Folders may not leave it, nor may what nothing proves.
"""

import hashlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from diad_deploy.bundle.manifest import FileRecord


def place_fault(folder: Path, relative: str) -> str | None:
    """Why `relative` names no plain file of `folder`; a link that leaves it `leaves` tells."""
    posix, windows = PurePosixPath(relative), PureWindowsPath(relative)
    if (
        str(posix) != relative
        or relative == "."
        or ".." in posix.parts
        or "\\" in relative
        or posix.is_absolute()
        or windows.drive
        or not relative.isprintable()
    ):
        return "expected a relative path inside the bundle with forward slashes"
    try:
        path = folder / relative
        resolved = path.resolve(strict=True)
        parent = path.parent.resolve(strict=True)
        if not parent.is_relative_to(folder.resolve()):
            return f"leads out of the bundle, to {resolved}"
        return None if resolved.is_file() else "expected a plain file"
    except FileNotFoundError:
        return "missing"
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
        return f"cannot be read: {error}"


def leaves(folder: Path, relative: str) -> bool:
    """Whether `relative` is a link that ends outside `folder`."""
    return not (folder / relative).resolve().is_relative_to(folder.resolve())


def lies_in_its_cache(folder: Path, relative: str) -> bool:
    """Whether a link out of `folder` ends where other links of the folder end: a hub's cache."""
    target = (folder / relative).resolve()
    try:
        others = [path for path in folder.iterdir() if path.is_symlink() and path.is_file()]
    except OSError:
        return False
    return target.is_file() and any(
        path.name != relative
        and path.resolve().parent == target.parent
        and leaves(folder, path.name)
        for path in others
    )


def record_fault(folder: Path, record: FileRecord, *, verify: bool) -> str | None:
    """Why a recorded file is not what the manifest says; what lies outside is always hashed."""
    fault = place_fault(folder, record.path)
    if fault:
        return fault
    path = folder / record.path
    try:
        size = path.stat().st_size
        if size != record.size_bytes:
            return f"expected {record.size_bytes} bytes, found {size}"
        outside = leaves(folder, record.path)
        if (verify or outside) and (found := _sha256(path)) != record.sha256.lower():
            link = f"leads out of the bundle, to {path.resolve()}, and is " if outside else ""
            return f"{link}changed: expected SHA-256 {record.sha256[:12]}…, found {found[:12]}…"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return None


def record_file(folder: Path, path: Path) -> FileRecord:
    """What a manifest records of a file in `folder`."""
    return FileRecord(
        path=path.relative_to(folder).as_posix(),
        sha256=_sha256(path),
        size_bytes=path.stat().st_size,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
