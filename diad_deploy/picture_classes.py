"""Which class a picture belongs to, by the folders it lies in."""

import os
from collections.abc import Collection
from pathlib import Path, PurePath

LAYOUT_FOLDERS = frozenset({"good", "normal", "ok", "test", "train", "val", "validation"})
"""Folders that say what pictures are for, in any case; they are no classes."""


def class_below(folders: tuple[str, ...]) -> str | None:
    """The first of `folders`, outermost first, that is a class; None where none is."""
    return next((name for name in folders if name.lower() not in LAYOUT_FOLDERS), None)


def class_among(path: str | os.PathLike[str], known: Collection[str]) -> str | None:
    """The innermost folder around `path` that is one of the `known` classes; None for none.

    Links are left as they are, for their names are the user's.
    """
    if not known:
        return None
    absolute = PurePath(os.path.normpath(Path(path).absolute()))
    return next((name for name in reversed(absolute.parts[:-1]) if name in known), None)
