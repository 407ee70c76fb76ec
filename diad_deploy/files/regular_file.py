"""Open and read regular files without trusting what their names refer to.

A name can refer to a pipe, which blocks until something is written to it, to a device, which may
never end, or to a file of any size.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

MAX_JSON_BYTES = 16 * 1024 * 1024
"""Largest manifest or thresholds file; the manifests of float16 bundles are below 1 MiB."""

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class NotRegularFileError(OSError):
    """The path is not a regular file, or the file is larger than allowed; see `strerror`."""


def open_regular_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading; links are followed.

    Raises:
        NotRegularFileError: the path is a folder, pipe, socket or device.
        OSError: the file does not exist or cannot be opened.
    """
    # opening a device can have side effects; the file may also be replaced between this check and
    # the opening, which therefore does not block and checks again
    _check(Path(path).stat(), path)
    descriptor = os.open(path, _FLAGS)
    file = os.fdopen(descriptor, "rb")
    try:
        _check(os.fstat(descriptor), path)
    except BaseException:
        file.close()
        raise
    return file


def read_regular_file(path: str | os.PathLike[str], *, max_bytes: int) -> bytes:
    """The content of a regular file of at most `max_bytes`; links are followed.

    Raises:
        NotRegularFileError: not a regular file, or larger than `max_bytes`.
        OSError: the file does not exist or cannot be read.
    """
    with open_regular_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise _error(path, f"expected at most {max_bytes} bytes, found {size}")
        # files in /proc report a size of 0
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise _error(path, f"larger than {max_bytes} bytes")
    return content


def _check(status: os.stat_result, path: str | os.PathLike[str]) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise _error(path, "expected a regular file, found a folder")
    if not stat.S_ISREG(status.st_mode):
        raise _error(path, "expected a regular file, found a pipe, socket or device")


def _error(path: str | os.PathLike[str], reason: str) -> NotRegularFileError:
    return NotRegularFileError(errno.EINVAL, reason, os.fspath(path))
