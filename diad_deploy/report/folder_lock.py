"""A lock on a report's folder, so that one run writes to it at a time.

The operating system holds the lock (`filelock`) and releases it when the process ends, however it
ends. The lock's file names the process that holds it, for the error message of other runs.
"""

import errno
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from diad_deploy.errors import OutputError
from diad_deploy.report import folder as layout

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, getattr(errno, "EOPNOTSUPP", errno.ENOSYS))
"""The errors of a file system that does not support locks."""

_TIMEOUT_SECONDS = 0.1
"""Time for a lock's file that another run is just removing to be created again."""

_MAX_TRIES = 100
"""Attempts to create and lock a folder while other runs remove it."""


class LockedFolder:
    """A report's folder that is locked for this run.

    Args:
        folder: the report's folder.
        lock: the lock, acquired where the file system supports locks.
        created: the folders that were created for the run, innermost first.
    """

    def __init__(self, folder: Path, lock: FileLock, created: Sequence[Path]) -> None:
        self._folder = folder
        self._lock = lock
        self._created = created
        self._identity = folder.stat()

    def check(self) -> None:
        """Raise `OutputError` if the folder was removed, moved or replaced since it was locked."""
        if not self._is_there():
            raise OutputError(
                f"{self._folder}: was removed or replaced while the run was writing to it; run it "
                f"again and leave the folder until it ends"
            )

    def check_names(self, images: Iterable[str]) -> None:
        """Raise `OutputError` if two names differ only by case and the file system ignores case.

        Args:
            images: the names of the images.
        """
        if not os.path.lexists(self._folder / layout.LOCK.upper()):
            return
        seen: dict[str, str] = {}
        for name in images:
            other = seen.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
            if other != name:
                raise OutputError(
                    f"{self._folder}: its file system does not distinguish {name} from {other}, "
                    f"so one would overwrite the outputs of the other; rename one, or choose a "
                    f"folder on another disk"
                )

    def release(self) -> None:
        """Release the lock and remove the folders created for the run that are still empty."""
        path = self._folder / layout.LOCK
        is_there = self._is_there()
        with suppress(OSError):
            if is_there and os.name != "nt":  # Windows does not remove open files
                path.unlink(missing_ok=True)
        self._lock.release()
        with suppress(OSError):
            if is_there and os.name == "nt":
                path.unlink(missing_ok=True)
            for empty in self._created if is_there else ():
                empty.rmdir()

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(self._folder.stat(), self._identity)
        except OSError:
            return False


@contextmanager
def lock_folder(folder: Path) -> Iterator[LockedFolder]:
    """Lock `folder` for this run, and create it if it does not exist.

    A folder created here is removed again if it stays empty.

    Raises:
        OutputError: another run holds the lock, `folder` is not a folder, or it cannot be written.
    """
    with layout.writing_to(folder):
        locked = _create_and_lock(folder)
    try:
        yield locked
    finally:
        locked.release()


def _create_and_lock(folder: Path, tries_left: int = _MAX_TRIES) -> LockedFolder:
    try:
        created = _create(folder)
        lock = _acquire(folder)
        try:
            return LockedFolder(folder, lock, created)
        except BaseException:
            lock.release()
            raise
    except FileNotFoundError:
        # another run that ended has removed the empty folder before this one locked it
        if not tries_left:
            raise
        return _create_and_lock(folder, tries_left - 1)


def _create(folder: Path) -> list[Path]:
    """Create `folder` and its parents; returns those that did not exist, innermost first."""
    if folder.is_dir():
        return []
    # checked again: another run may have created it since
    if os.path.lexists(folder) and not folder.is_dir():
        raise OutputError(f"{folder}: is a file, expected a folder; choose another name")
    created = _create(folder.parent)
    with suppress(FileExistsError):  # another run created it, so that run will remove it
        folder.mkdir()
        created.insert(0, folder)
    return created


def _acquire(folder: Path) -> FileLock:
    path = folder / layout.LOCK
    lock = FileLock(path, timeout=_TIMEOUT_SECONDS, on_acquired=_write_owner)
    try:
        lock.acquire()
    except Timeout as error:
        raise OutputError(
            f"{folder}: another run is writing to it (process {_owner(path)}); wait for it or "
            f"stop it, or choose another folder"
        ) from error
    except OSError as error:
        # on a file system without locks the run continues without one
        if error.errno not in _NO_LOCKS:
            raise
    return lock


def _write_owner(descriptor: int) -> None:
    # Windows does not let other processes read the locked byte, which is the first one
    os.write(descriptor, f"\n{os.getpid()}\n".encode())


def _owner(path: Path) -> str:
    """The process named in the lock's file; another run may not have written it yet."""
    with suppress(OSError), path.open("rb", buffering=0) as file:
        file.seek(1)
        text = file.read(32).decode("ascii", "replace").strip()
        if text.isdigit():
            return text
    return "unknown"
