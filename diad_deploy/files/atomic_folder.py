"""A folder that appears under its name whole or not at all.

It is written in a hidden sibling, `.NAME.partial-XXXXXXXX`, and moved into place by one rename. A
folder that it replaces waits inside the sibling until the new one is in place, so a kill at any
moment leaves the old one, the new one, or a sibling that the next run puts right.
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
except ImportError:  # Windows: leftovers of killed runs stay, as nothing tells whose they are
    fcntl = None  # type: ignore[assignment]


_DISK_FAULTS = (errno.ENOSPC, errno.EFBIG, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC))
"""What a write meets on a full or failing disk."""

_MAX_TRIES = 100
"""Of making a folder and locking it, while other runs remove it in between."""


class AtomicFolder:
    """Context manager: write into `folder`, then `place()`; leaving without it leaves nothing.

    An existing destination is replaced with `force` only, and only where it is an empty folder or
    holds the file `marker`: a stranger's folder is never deleted.

    Raises:
        OutputError: on entering or placing, where the destination stands in the way or the file
            system refuses; on leaving, where the body ran into an `OSError` inside `folder`.
    """

    def __init__(self, destination: Path, *, marker: str, force: bool) -> None:
        # through a link, so that the link stays and its target is written
        self.destination = destination.resolve()
        self._marker = marker
        self._force = force
        self._scratch: Path | None = None
        self._lock: int | None = None

    @property
    def folder(self) -> Path:
        """Where to write; exists between entering and placing."""
        if self._scratch is None:
            raise OutputError(f"{self.destination}: not being written; use it in a with statement")
        return self._scratch / "new"

    def __enter__(self) -> Self:
        if not self.destination.name:
            raise OutputError(f"{self.destination}: expected the name of a new folder")
        with _refusals(self.destination):
            self.destination.parent.mkdir(parents=True, exist_ok=True)
            _tidy_up(self.destination)
            self._check_destination()
            self._scratch, self._lock = _make_scratch(self.destination)
            self.folder.mkdir()
        return self

    def place(self) -> None:
        """Move the folder to its destination, replacing what `force` allows to replace."""
        with _refusals(self.destination):
            _flush(self.folder)
            self._check_destination()
            waiting = self.folder.with_name("old")
            try:
                if self.destination.exists():
                    self.destination.rename(waiting)
                self.folder.rename(self.destination)
            finally:
                # also on Ctrl-C between the two
                if waiting.exists() and not self.destination.exists():
                    waiting.rename(self.destination)
            _flush_one(self.destination.parent)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        scratch, self._scratch = self._scratch, None
        lock, self._lock = self._lock, None
        if scratch is not None:
            _remove(scratch, self.destination)
        if lock is not None:
            os.close(lock)
        if scratch is not None and isinstance(error, OSError) and _lies_in(scratch, error):
            raise _refusal(self.destination, error) from error

    def _check_destination(self) -> None:
        path = self.destination
        if not path.exists():
            return
        if not self._force:
            raise OutputError(
                f"{path}: exists already; take another name, or --force to replace it"
            )
        if not path.is_dir():
            raise OutputError(f"{path}: is a file, expected a folder or nothing; move it away")
        if not (path / self._marker).is_file() and any(path.iterdir()):
            raise OutputError(
                f"{path}: holds files but no {self._marker}, so it is not replaced even with "
                f"--force; take another name, or empty it"
            )


def _prefix(destination: Path) -> str:
    return f".{destination.name}.partial-"


def _make_scratch(destination: Path) -> tuple[Path, int | None]:
    """A new hidden sibling, and what locks it; None where locks do not work."""
    for tries_left in reversed(range(_MAX_TRIES)):
        scratch = Path(tempfile.mkdtemp(prefix=_prefix(destination), dir=destination.parent))
        try:
            lock = _lock(scratch)
            if lock is None or scratch.exists():
                return scratch, lock
            os.close(lock)
        except (BlockingIOError, FileNotFoundError):
            # another run took it for a leftover, as it was not locked yet, and removes it
            if not tries_left:
                raise
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(destination.parent))


def _tidy_up(destination: Path) -> None:
    """Remove what killed runs left beside `destination`; put back a folder they had moved away."""
    pattern = re.compile(re.escape(_prefix(destination)) + r"[a-z0-9_]{8}")
    for leftover in list(destination.parent.iterdir()):
        if not pattern.fullmatch(leftover.name) or leftover.is_symlink():
            continue
        # in use, or another run that begins removed it
        with suppress(BlockingIOError, FileNotFoundError):
            lock = _lock(leftover)
            if lock is not None:
                _remove(leftover, destination)
                os.close(lock)


def _remove(scratch: Path, destination: Path) -> None:
    waiting = scratch / "old"
    if waiting.exists() and not destination.exists():
        waiting.rename(destination)
    shutil.rmtree(scratch, ignore_errors=True)


def _lock(folder: Path) -> int | None:
    """Hold `folder` until the process ends; None where locks do not work.

    Raises:
        BlockingIOError: another process holds it.
        FileNotFoundError: it is gone.
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


def _flush(folder: Path) -> None:
    """Have all of `folder` on the disk before its name is: a power cut must not leave a shell."""
    for path in sorted(folder.rglob("*")):
        _flush_one(path)
    _flush_one(folder)


def _flush_one(path: Path) -> None:
    if os.name == "nt":  # takes neither folders nor files opened for reading
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _refusals(destination: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _refusal(destination, error) from error


def _refusal(destination: Path, error: OSError) -> OutputError:
    if isinstance(error, FileNotFoundError):
        return OutputError(
            f"{destination}: the folder that it was being written in was removed meanwhile; run it "
            f"again and leave .{destination.name}.partial-… beside it until it ends"
        )
    reason = error.strerror or str(error)
    return OutputError(
        f"{destination}: cannot be written: {reason}; free the space or rights, or take another "
        f"folder with -o"
    )


def _lies_in(folder: Path, error: OSError) -> bool:
    """Whether the error is about a file in `folder`, or about a full disk (which names none)."""
    if error.filename is None:
        return error.errno in _DISK_FAULTS
    return Path(os.fsdecode(error.filename)).is_relative_to(folder)
