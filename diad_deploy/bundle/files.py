"""Checks that a bundle's files match the manifest and are inside the bundle.

A bundle's files are regular files in its folder. The cache of a model hub replaces them by links
such as `encoder.onnx -> ../../blobs/<hash>`. A link may point outside the folder if it refers to a
regular file whose content is verified by a hash. Linked folders and unverified files may not.
"""

import hashlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from diad_deploy.bundle.manifest import FileRecord


def path_fault(folder: Path, relative: str) -> str | None:
    """Describe why `relative` is not a regular file in `folder`; None if it is.

    The file itself may be a link to another folder; see `links_outside`.
    """
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
            return f"is outside the bundle, at {resolved}"
        return None if resolved.is_file() else "expected a regular file"
    except FileNotFoundError:
        return "missing"
    except (OSError, RuntimeError) as error:  # RuntimeError: circular links, before Python 3.13
        return f"cannot be read: {error}"


def links_outside(folder: Path, relative: str) -> bool:
    """Whether `relative` is a link to a file outside `folder`."""
    return not (folder / relative).resolve().is_relative_to(folder.resolve())


def links_into_cache(folder: Path, relative: str) -> bool:
    """Whether a link out of `folder` points to the same folder as other links: a hub's cache."""
    target = (folder / relative).resolve()
    try:
        others = [path for path in folder.iterdir() if path.is_symlink() and path.is_file()]
    except OSError:
        return False
    return target.is_file() and any(
        path.name != relative
        and path.resolve().parent == target.parent
        and links_outside(folder, path.name)
        for path in others
    )


def file_fault(folder: Path, record: FileRecord, *, verify: bool) -> str | None:
    """Describe how a file differs from its record; None if it does not.

    Args:
        folder: the bundle.
        record: the file's record in the manifest.
        verify: whether to compare hashes; the hash of a link out of the folder is always compared.
    """
    fault = path_fault(folder, record.path)
    if fault:
        return fault
    path = folder / record.path
    try:
        size = path.stat().st_size
        if size != record.size_bytes:
            return f"expected {record.size_bytes} bytes, found {size}"
        outside = links_outside(folder, record.path)
        if (verify or outside) and (found := _sha256(path)) != record.sha256.lower():
            link = f"is outside the bundle, at {path.resolve()}, and has " if outside else ""
            return f"{link}changed: expected SHA-256 {record.sha256[:12]}…, found {found[:12]}…"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return None


def record_file(folder: Path, path: Path) -> FileRecord:
    """The manifest's record of a file in `folder`."""
    return FileRecord(
        path=path.relative_to(folder).as_posix(),
        sha256=_sha256(path),
        size_bytes=path.stat().st_size,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
