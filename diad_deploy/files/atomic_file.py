"""Write a file so that its name never refers to a partial file.

The content goes to a hidden file in the same folder, which is flushed to disk, closed, and renamed
over the target. Windows cannot rename an open file, and without the flush a power failure could
leave the name on a truncated file.
"""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial"
"""Suffix of the hidden file."""

_FLUSH_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, getattr(errno, "EOPNOTSUPP", errno.ENOSYS))
"""Errors of a file system that cannot flush; a full or failing disk reports others."""


def write_atomically(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write or replace a file. Several processes may write it at once; the last one wins.

    Args:
        path: the file; its folder must exist.
        content: the whole content.
        mode: the file's permissions, where the system has them.

    Raises:
        OSError: the file cannot be written; a previous file is unchanged.
    """
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=PARTIAL)
    with _renamed_to(path, Path(partial)):
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(partial).chmod(mode)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write to; on success it is renamed to `path`.

    For one writer at a time: the hidden file always has the same name, so that a leftover of a
    killed process is overwritten by the next.

    Raises:
        OSError: the file cannot be written; a previous file is unchanged.
    """
    partial = partial_path(path)
    with _renamed_to(path, partial):
        yield partial


def partial_path(path: Path) -> Path:
    """The hidden file that `replacing` writes."""
    return path.with_name(f".{path.name}{PARTIAL}")


@contextmanager
def _renamed_to(path: Path, partial: Path) -> Iterator[None]:
    try:
        yield
        _flush(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    # Windows cannot flush a file that is open for reading only
    with path.open("r+b") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in _FLUSH_UNSUPPORTED:
                raise
