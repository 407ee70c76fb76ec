"""Paths as users pass them."""

import os
from pathlib import Path

StrPath = str | os.PathLike[str]


def optional_path(path: StrPath | None) -> Path | None:
    """`path` as a `Path`, where there is one."""
    return None if path is None else Path(path)
