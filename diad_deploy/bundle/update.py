"""Puts another manifest into a bundle that is there already; its files stay as they are."""

from dataclasses import replace

from diad_deploy.bundle.folder import MANIFEST_NAME, Bundle
from diad_deploy.bundle.manifest import FORMAT_REVISION, Manifest, to_json
from diad_deploy.errors import OutputError
from diad_deploy.files.atomic_file import write_atomically


def update_manifest(bundle: Bundle, manifest: Manifest) -> Bundle:
    """Replace the bundle's manifest at once: a reader sees the old one or the new one.

    The new one is written in this version's format.

    Raises:
        OutputError: the folder cannot be written to.
    """
    current = replace(manifest, format_revision=FORMAT_REVISION)
    target = bundle.path / MANIFEST_NAME
    try:
        write_atomically(target, to_json(current).encode(), mode=target.stat().st_mode)
    except OSError as error:
        raise OutputError(
            f"{target}: cannot be written: {error.strerror or error}; give yourself the right to "
            f"write there, or copy the bundle"
        ) from error
    return Bundle(path=bundle.path, manifest=current)
