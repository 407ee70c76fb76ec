"""Simulates Windows, which does not move, replace or remove open files."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

OPEN_FILES = Path("/proc/self/fd")


@pytest.fixture
def as_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse these operations on files that this process has open."""
    if not OPEN_FILES.is_dir():
        pytest.skip("the system does not say which files are open")
    for name in ("replace", "rename", "unlink", "remove"):
        monkeypatch.setattr(os, name, _refusing(getattr(os, name)))


def _refusing(real: Callable[..., None]) -> Callable[..., None]:
    def checked(*paths: Any, **given: Any) -> None:
        for path in paths:
            if Path(path).resolve() in _open_files():
                raise PermissionError(13, "being used by another process", os.fspath(path))
        real(*paths, **given)

    return checked


def _open_files() -> set[Path]:
    found = set()
    for link in OPEN_FILES.iterdir():
        try:
            found.add(link.readlink())
        except FileNotFoundError:  # the listing's own
            continue
    return found
