"""A file that stands under its name whole or not at all.

It is written in a hidden sibling, flushed to the disk, closed, and moved over its name: Windows
moves no open file, and a power cut must not leave a name for half of a file.
"""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial"
"""What the sibling's name ends in."""

_NO_FLUSH = (errno.EINVAL, errno.ENOSYS, getattr(errno, "EOPNOTSUPP", errno.ENOSYS))
"""What a file system answers that cannot flush; a full or failing disk answers otherwise."""


def write_atomically(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write or replace a file that several processes may write at once; the last one stays.

    Args:
        path: of the file; its folder exists.
        content: all of it.
        mode: the file's rights, where the system has them.

    Raises:
        OSError: it cannot be written; what was there is there still.
    """
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=PARTIAL)
    with _moved_over(path, Path(partial)):
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(partial).chmod(mode)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a path to write to, and moves it over `path` if nothing was raised.

    For one writer at a time: the sibling's name is always the same, so that what a kill leaves is
    written over by the next.

    Raises:
        OSError: it cannot be written; what was there is there still.
    """
    partial = partial_of(path)
    with _moved_over(path, partial):
        yield partial


def partial_of(path: Path) -> Path:
    """The sibling that `replacing` writes."""
    return path.with_name(f".{path.name}{PARTIAL}")


@contextmanager
def _moved_over(path: Path, partial: Path) -> Iterator[None]:
    try:
        yield
        _flush(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    # Windows flushes no file that is open for reading only
    with path.open("r+b") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in _NO_FLUSH:
                raise
