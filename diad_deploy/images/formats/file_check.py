"""Whether a path leads to a plain file with something in it."""

import os
import stat
from pathlib import Path

from diad_deploy.errors import ImageError


def check_file(path: Path) -> None:
    """Raise `ImageError` unless `path` is a plain file with something in it."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError(str(path), "no such file") from None
    except (OSError, ValueError) as error:
        raise ImageError(str(path), _unreadable(error)) from error
    if stat.S_ISDIR(found.st_mode):
        entered = os.access(path, os.R_OK | os.X_OK)
        kind = "a folder" if entered else "a folder that may not be entered"
        raise ImageError(str(path), f"{kind}, expected an image file")
    if not stat.S_ISREG(found.st_mode):
        raise ImageError(str(path), "a device or pipe, expected an image file")
    if found.st_size == 0:
        raise ImageError(str(path), "the file is empty; copy it again")
    try:
        path.open("rb").close()
    except OSError as error:
        raise ImageError(str(path), _unreadable(error)) from error


def one_line(text: str) -> str:
    """`text` without line breaks, at most 200 characters."""
    return " ".join(text.split())[:200]


def _unreadable(error: OSError | ValueError) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    return f"cannot be opened: {one_line(reason)}"
