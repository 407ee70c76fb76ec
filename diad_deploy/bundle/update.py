"""Replace the manifest of an existing bundle; its other files are unchanged."""

from dataclasses import replace

from diad_deploy.bundle.folder import MANIFEST_NAME, Bundle
from diad_deploy.bundle.manifest import FORMAT_REVISION, Manifest, to_json
from diad_deploy.errors import OutputError
from diad_deploy.files.atomic_file import write_atomically


def update_manifest(bundle: Bundle, manifest: Manifest) -> Bundle:
    """Replace the bundle's manifest atomically, in this version's format.

    Raises:
        OutputError: the manifest cannot be written.
    """
    current = replace(manifest, format_revision=FORMAT_REVISION)
    target = bundle.path / MANIFEST_NAME
    try:
        write_atomically(target, to_json(current).encode(), mode=target.stat().st_mode)
    except OSError as error:
        raise OutputError(
            f"{target}: cannot be written: {error.strerror or error}; correct the permissions, or "
            f"copy the bundle to another folder"
        ) from error
    return Bundle(path=bundle.path, manifest=current)
