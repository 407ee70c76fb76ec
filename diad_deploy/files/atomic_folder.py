"""Write a folder so that its name never refers to a partial folder.

The content goes to a hidden folder beside it, `.NAME.partial-XXXXXXXX`, which is moved into place
with one rename. A folder that is replaced is kept in the hidden one until the new one is in place,
so a kill at any moment leaves the old folder, the new one, or a hidden folder from which the next
run restores the old one.
"""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from diad_deploy.errors import OutputError

try:
    import fcntl
except (
    ImportError
):  # Windows: without locks, leftovers of killed runs cannot be told apart, and stay
    fcntl = None  # type: ignore[assignment]


_DISK_ERRORS = (errno.ENOSPC, errno.EFBIG, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC))
"""Errors of writes to a full or failing disk."""

_MAX_ATTEMPTS = 100
"""Attempts to create and lock the hidden folder while other runs remove it in between."""


class AtomicFolder:
    """Context manager: write into `folder`, then call `commit()`. Without it nothing is left.

    An existing destination is replaced only with `force`, and only if it is an empty folder or
    contains the file `marker`, so that no unrelated folder is ever deleted.

    Raises:
        OutputError: on entering or committing, if the destination exists or the file system
            fails; on leaving, if the body raised an `OSError` about a file in `folder`.
    """

    def __init__(self, destination: Path, *, marker: str, force: bool) -> None:
        # resolved, so that a link is kept and its target is written
        self.destination = destination.resolve()
        self._marker = marker
        self._force = force
        self._partial: Path | None = None
        self._lock: int | None = None

    @property
    def folder(self) -> Path:
        """Where to write; exists between entering and committing."""
        if self._partial is None:
            raise OutputError(f"{self.destination}: not being written; use it in a with statement")
        return self._partial / "new"

    def __enter__(self) -> Self:
        if not self.destination.name:
            raise OutputError(f"{self.destination}: expected the name of a new folder")
        with _output_errors(self.destination):
            self.destination.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(self.destination)
            self._check_destination()
            self._partial, self._lock = _make_partial(self.destination)
            self.folder.mkdir()
        return self

    def commit(self) -> None:
        """Move the folder to its destination, replacing the previous one if `force` is set."""
        with _output_errors(self.destination):
            _flush_tree(self.folder)
            self._check_destination()
            old = self.folder.with_name("old")
            try:
                if self.destination.exists():
                    self.destination.rename(old)
                self.folder.rename(self.destination)
            finally:
                # also on Ctrl-C between the two renames
                if old.exists() and not self.destination.exists():
                    old.rename(self.destination)
            _flush(self.destination.parent)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        partial, self._partial = self._partial, None
        lock, self._lock = self._lock, None
        if partial is not None:
            _remove(partial, self.destination)
        if lock is not None:
            os.close(lock)
        if partial is not None and isinstance(error, OSError) and _concerns(partial, error):
            raise _output_error(self.destination, error) from error

    def _check_destination(self) -> None:
        path = self.destination
        if not path.exists():
            return
        if not self._force:
            raise OutputError(
                f"{path}: already exists; choose another name, or use --force to replace it"
            )
        if not path.is_dir():
            raise OutputError(
                f"{path}: expected a folder or a new name, found a file; move it away"
            )
        if not (path / self._marker).is_file() and any(path.iterdir()):
            raise OutputError(
                f"{path}: contains files but no {self._marker}, so it is not replaced even with "
                f"--force; choose another name, or empty the folder"
            )


def _prefix(destination: Path) -> str:
    return f".{destination.name}.partial-"


def _make_partial(destination: Path) -> tuple[Path, int | None]:
    """A new hidden folder and its lock, which is None where locks are not supported."""
    for attempts_left in reversed(range(_MAX_ATTEMPTS)):
        partial = Path(tempfile.mkdtemp(prefix=_prefix(destination), dir=destination.parent))
        try:
            lock = _lock(partial)
            if lock is None or partial.exists():
                return partial, lock
            os.close(lock)
        except (BlockingIOError, FileNotFoundError):
            # before it was locked, another run took it for a leftover and is removing it
            if not attempts_left:
                raise
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(destination.parent))


def _remove_leftovers(destination: Path) -> None:
    """Remove what killed runs left beside `destination`; restore a folder they had moved away."""
    pattern = re.compile(re.escape(_prefix(destination)) + r"[a-z0-9_]{8}")
    for leftover in list(destination.parent.iterdir()):
        if not pattern.fullmatch(leftover.name) or leftover.is_symlink():
            continue
        # in use, or already removed by another run
        with suppress(BlockingIOError, FileNotFoundError):
            lock = _lock(leftover)
            if lock is not None:
                _remove(leftover, destination)
                os.close(lock)


def _remove(partial: Path, destination: Path) -> None:
    old = partial / "old"
    if old.exists() and not destination.exists():
        old.rename(destination)
    shutil.rmtree(partial, ignore_errors=True)


def _lock(folder: Path) -> int | None:
    """Lock `folder` until the descriptor is closed; None where locks are not supported.

    Raises:
        BlockingIOError: another process has locked it.
        FileNotFoundError: it was removed.
    """
    if fcntl is None:
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _flush_tree(folder: Path) -> None:
    """Flush `folder` to disk before the rename: a power failure must not leave empty files."""
    for path in sorted(folder.rglob("*")):
        _flush(path)
    _flush(folder)


def _flush(path: Path) -> None:
    if os.name == "nt":  # can flush neither folders nor files opened for reading
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _output_errors(destination: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _output_error(destination, error) from error


def _output_error(destination: Path, error: OSError) -> OutputError:
    if isinstance(error, FileNotFoundError):
        return OutputError(
            f"{destination}: its temporary folder .{destination.name}.partial-… was removed while "
            f"it was being written; run the command again and leave that folder alone"
        )
    reason = error.strerror or str(error)
    return OutputError(
        f"{destination}: cannot be written: {reason}; free disk space or correct the permissions, "
        f"or choose another folder with -o"
    )


def _concerns(folder: Path, error: OSError) -> bool:
    """Whether the error is about a file in `folder`, or about a full disk (which names no file)."""
    if error.filename is None:
        return error.errno in _DISK_ERRORS
    return Path(os.fsdecode(error.filename)).is_relative_to(folder)
