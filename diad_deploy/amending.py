"""Puts another manifest into a bundle that is there already; its files stay as they are."""

import os
from dataclasses import replace
from tempfile import NamedTemporaryFile

from diad_deploy.bundle import MANIFEST_NAME, Bundle
from diad_deploy.errors import OutputError
from diad_deploy.manifest import FORMAT_REVISION, Manifest, to_json


def amend_manifest(bundle: Bundle, manifest: Manifest) -> Bundle:
    """Replace the bundle's manifest at once: a reader sees the old one or the new one.

    The new one is written in this version's format.

    Raises:
        OutputError: the folder cannot be written to.
    """
    current = replace(manifest, format_revision=FORMAT_REVISION)
    target = bundle.path / MANIFEST_NAME
    try:
        with NamedTemporaryFile(
            "w", encoding="utf-8", dir=bundle.path, prefix=".", suffix=".json", delete=False
        ) as file:
            try:
                file.write(to_json(current))
                file.flush()
                os.fsync(file.fileno())
                os.chmod(file.name, target.stat().st_mode)  # noqa: PTH101
                os.replace(file.name, target)  # noqa: PTH105
            except BaseException:
                os.unlink(file.name)  # noqa: PTH108
                raise
    except OSError as error:
        raise OutputError(
            f"{target}: cannot be written: {error.strerror or error}; give yourself the right to "
            f"write there, or copy the bundle"
        ) from error
    return Bundle(path=bundle.path, manifest=current)
