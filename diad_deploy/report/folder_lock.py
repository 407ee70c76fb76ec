"""One run at a time in a report's folder.

The operating system holds the lock for the process, so a kill frees it: a file that is left behind
holds nobody up. The file says whose it is, for the message.
"""

import errno
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
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


class HeldFolder:
    """A report's folder that this run holds.

    Args:
        folder: the report's.
        descriptor: of its lock's file, which stays open as long as the lock is held.
        made: the folders that were made for the run, innermost first.
    """

    def __init__(self, folder: Path, descriptor: int, made: Sequence[Path]) -> None:
        self._folder = folder
        self._descriptor = descriptor
        self._made = made
        self._found = folder.stat()

    def check(self) -> None:
        """Raise `OutputError` where the folder was removed, moved away, or replaced by another."""
        if not self._is_there():
            raise OutputError(
                f"{self._folder}: was removed or replaced while the run was writing to it; run it "
                f"again and leave the folder until it ends"
            )

    def check_names(self, images: Iterable[str]) -> None:
        """Raise `OutputError` where outputs would meet as the file system takes A.png for a.png.

        Args:
            images: their names.
        """
        if not os.path.lexists(self._folder / layout.LOCK.upper()):
            return
        seen: dict[str, str] = {}
        for name in images:
            other = seen.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
            if other != name:
                raise OutputError(
                    f"{self._folder}: its file system takes {name} and {other} for the same, so "
                    f"their outputs would meet; rename one, or take a folder on another disk"
                )

    def release(self) -> None:
        """Give the lock back; folders made for nothing go, unless they are somebody else's now."""
        path = self._folder / layout.LOCK
        there = self._is_there()
        mine = there and _is_still_there(path, self._descriptor)
        with suppress(OSError):
            if mine and os.name != "nt":  # Windows removes no open file
                path.unlink(missing_ok=True)
        os.close(self._descriptor)
        with suppress(OSError):
            if mine and os.name == "nt":
                path.unlink(missing_ok=True)
            for empty in self._made if there else ():
                empty.rmdir()

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(self._folder.stat(), self._found)
        except OSError:
            return False


_MAX_TRIES = 100
"""Of making a folder and locking it, while other runs remove it in between."""


@contextmanager
def only_run(folder: Path) -> Iterator[HeldFolder]:
    """Hold `folder` for this run, and make it where it is not there.

    A folder made here that stays empty is removed again.

    Raises:
        OutputError: another run holds it, it is no folder, or it cannot be written.
    """
    with layout.writing_to(folder):
        held = _hold(folder)
    try:
        yield held
    finally:
        held.release()


def _hold(folder: Path, tries_left: int = _MAX_TRIES) -> HeldFolder:
    try:
        made = _make(folder)
        descriptor = _lock(folder, folder / layout.LOCK)
        try:
            return HeldFolder(folder, descriptor, made)
        except BaseException:
            os.close(descriptor)
            raise
    except FileNotFoundError:
        # a run that ends may take an empty folder away before this one has its lock in it
        if not tries_left:
            raise
        return _hold(folder, tries_left - 1)


def _make(folder: Path) -> list[Path]:
    """Make `folder` and those above it; gives those that were not there before, innermost first."""
    if folder.is_dir():
        return []
    # looked at again: another run may have made it since
    if os.path.lexists(folder) and not folder.is_dir():
        raise OutputError(f"{folder}: is a file, expected a folder; take another name")
    made = _make(folder.parent)
    with suppress(FileExistsError):  # another run was quicker: then it is that run's to remove
        folder.mkdir()
        made.insert(0, folder)
    return made


def _lock(folder: Path, path: Path) -> int:
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
