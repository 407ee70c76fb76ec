"""One run at a time in a report's folder.

The operating system holds the lock for the process, so a kill frees it: a file that is left behind
holds nobody up. The file says whose it is, for the message.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from diad_deploy.errors import OutputError
from diad_deploy.report import folder as layout

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, getattr(errno, "EOPNOTSUPP", errno.ENOSYS))
"""What a file system without locks answers."""

_LOCKED_BYTE = 1 << 30
"""Windows locks bytes, which others cannot read then: one far behind the text is locked."""


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Hold `folder` for this run, and make it where it is not there.

    A folder made here that stays empty is removed again.

    Raises:
        OutputError: another run holds it, it is no folder, or it cannot be written.
    """
    with layout.writing_to(folder):
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder}: is a file, expected a folder; take another name")
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / layout.LOCK
        descriptor = _hold(folder, path)
    try:
        yield
    finally:
        if os.name != "nt":  # Windows removes no open file
            path.unlink(missing_ok=True)
        os.close(descriptor)
        if os.name == "nt":
            with suppress(OSError):
                path.unlink(missing_ok=True)
        with suppress(OSError):
            for empty in made:
                empty.rmdir()


def _hold(folder: Path, path: Path) -> int:
    """An open file that holds the lock, with this process's id in it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not _try_lock(descriptor):
                raise OutputError(
                    f"{folder}: another run is writing to it (process {_owner(descriptor)}); wait "
                    f"for it or stop it, or take another folder"
                )
            # a run that ended meanwhile has removed the file: then this lock is on nothing
            if _is_still_there(path, descriptor):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()}\n".encode())
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            _lock_on_windows(descriptor)
    except OSError as error:
        # without locks a run is better than none
        return error.errno in _NO_LOCKS
    return True


def _lock_on_windows(descriptor: int) -> None:
    import msvcrt

    os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)


def _is_still_there(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _owner(descriptor: int) -> str:
    """The process that the file names; the file may be empty for a moment."""
    with suppress(OSError):
        text = os.read(descriptor, 32).decode("ascii", "replace").strip()
        if text.isdigit():
            return text
    return "unknown"
