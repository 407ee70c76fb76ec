"""Small files that a machine wrote, read without trusting what lies under their names.

Such a name can stand for a pipe, which is waited for without end, for a device, which gives more
than there is memory, or for a file of any size.
"""

import errno
import os
import stat
from pathlib import Path

MAX_JSON_BYTES = 16 * 1024 * 1024
"""Of a manifest or of thresholds; the largest manifests, of float16 bundles, have under 1 MiB."""

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class NotRegularFileError(OSError):
    """There is something else under the name, or more than may be read."""


def read_regular_file(path: str | os.PathLike[str], *, most_bytes: int) -> bytes:
    """The content of a plain file, links followed.

    Raises:
        NotRegularFileError: not a regular file, or larger than `most_bytes`; see
            `strerror`.
        OSError: there is none, or it cannot be read.
    """
    # opening a device can do something by itself; what stands there after this look is opened
    # without waiting, and looked at again
    _check(Path(path).stat(), path, most_bytes)
    descriptor = os.open(path, _FLAGS)
    with os.fdopen(descriptor, "rb") as file:
        _check(os.fstat(descriptor), path, most_bytes)
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise _not_regular(path, f"larger than {most_bytes} bytes")
    return content


def _check(found: os.stat_result, path: str | os.PathLike[str], most_bytes: int) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise _not_regular(path, "expected a plain file, found a folder")
    if not stat.S_ISREG(found.st_mode):
        raise _not_regular(path, "expected a plain file, found a pipe, socket or device")
    if found.st_size > most_bytes:
        raise _not_regular(path, f"expected at most {most_bytes} bytes, found {found.st_size}")


def _not_regular(path: str | os.PathLike[str], reason: str) -> NotRegularFileError:
    return NotRegularFileError(errno.EINVAL, reason, os.fspath(path))
