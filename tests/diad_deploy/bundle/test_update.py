"""Another manifest for a bundle that is there."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from diad_deploy.bundle.folder import MANIFEST_NAME, Bundle
from diad_deploy.bundle.update import update_manifest
from diad_deploy.errors import OutputError


def test_the_new_manifest_is_read_back(own_bundle: Bundle) -> None:
    amended = update_manifest(
        own_bundle, replace(own_bundle.manifest, verification={"passed": True})
    )
    again = Bundle.open(own_bundle.path)
    assert again.manifest.verification == {"passed": True}
    assert again.manifest == amended.manifest
    assert again.manifest.files == own_bundle.manifest.files


def test_a_full_disk_leaves_the_old_one(
    own_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = (own_bundle.path / MANIFEST_NAME).read_bytes()
    listed = sorted(path.name for path in Path(own_bundle.path).iterdir())
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OutputError, match="No space left"):
        update_manifest(own_bundle, own_bundle.manifest)
    assert (own_bundle.path / MANIFEST_NAME).read_bytes() == before
    assert sorted(path.name for path in Path(own_bundle.path).iterdir()) == listed
