"""A folder like a model hub's cache: files by hash in `blobs`, and links to them by name."""

import hashlib
import os
from pathlib import Path


def lay_cache(folder: Path, cache: Path) -> Path:
    """Move the files of `folder` into a new cache; returns the folder with links to them."""
    blobs, snapshot = cache / "blobs", cache / "snapshots" / "0123abcd"
    blobs.mkdir(parents=True)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        blob = blobs / hashlib.sha256(path.read_bytes()).hexdigest()
        path.rename(blob)
        link = snapshot / path.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    return snapshot
