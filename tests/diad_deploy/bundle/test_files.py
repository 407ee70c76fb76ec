"""Links in a bundle: what a model hub's cache lays is opened, what nothing proves is refused."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from diad_deploy import Detector
from diad_deploy.bundle.folder import MANIFEST_NAME, Bundle, BundleWriter
from diad_deploy.bundle.manifest import to_json
from diad_deploy.bundle.update import update_manifest
from diad_deploy.errors import BundleDamagedError, BundleError
from tests.hub_cache import lay_cache

IMAGE = np.full((40, 40, 3), 90, dtype=np.uint8)


def score(bundle: Path) -> float:
    with Detector.open(bundle) as detector:
        return detector.detect([IMAGE])[0].score


def with_external_data(bundle: Bundle, name: str = "encoder.onnx") -> Bundle:
    """The same bundle, with all weights of one graph in a file beside it."""
    onnx = pytest.importorskip("onnx")
    with BundleWriter(bundle.path, force=True) as writer:
        shutil.copytree(bundle.path, writer.folder, dirs_exist_ok=True)
        model = onnx.load(writer.folder / name)
        (writer.folder / name).unlink()
        onnx.save(
            model,
            writer.folder / name,
            save_as_external_data=True,
            location=f"{name}.data",
            size_threshold=0,
        )
        return writer.finish(bundle.manifest)


@pytest.mark.parametrize("verify", [True, False])
def test_a_hubs_cache_is_opened(own_bundle: Bundle, tmp_path: Path, verify: bool) -> None:
    expected = score(own_bundle.path)
    bundle = with_external_data(own_bundle)
    snapshot = lay_cache(bundle.path, tmp_path / "cache")
    assert (snapshot / "encoder.onnx.data").is_symlink()
    assert Bundle.open(snapshot, verify=verify).manifest == bundle.manifest
    assert score(snapshot) == expected


def test_a_manifest_in_a_cache_can_be_amended(own_bundle: Bundle, tmp_path: Path) -> None:
    snapshot = lay_cache(own_bundle.path, tmp_path / "cache")
    blob = (snapshot / MANIFEST_NAME).resolve()
    before = blob.read_bytes()
    opened = Bundle.open(snapshot)
    update_manifest(opened, replace(opened.manifest, verification={"passed": True}))
    assert Bundle.open(snapshot).manifest.verification == {"passed": True}
    assert blob.read_bytes() == before


@pytest.mark.parametrize("verify", [True, False])
def test_a_link_to_something_else_is_refused(
    own_bundle: Bundle, tmp_path: Path, verify: bool
) -> None:
    path = own_bundle.path / "noise.npy"
    other = bytearray(path.read_bytes())
    other[-1] ^= 1
    (tmp_path / "other.npy").write_bytes(other)
    path.unlink()
    path.symlink_to(tmp_path / "other.npy")
    with pytest.raises(BundleDamagedError, match=r"noise\.npy': is outside .*other\.npy.* changed"):
        Bundle.open(own_bundle.path, verify=verify)


@pytest.mark.parametrize("name", ["noise.npy", MANIFEST_NAME])
@pytest.mark.parametrize("what", ["pipe", "device", "folder", "circle"])
def test_a_link_to_no_plain_file_is_refused_at_once(
    own_bundle: Bundle, tmp_path: Path, name: str, what: str
) -> None:
    path = own_bundle.path / name
    path.unlink()
    targets = {"pipe": tmp_path / "pipe", "device": Path("/dev/zero"), "folder": tmp_path}
    os.mkfifo(targets["pipe"])
    path.symlink_to(targets.get(what, path))
    with pytest.raises(
        BundleError, match=r"expected a regular file|cannot be read|a folder without"
    ):
        Bundle.open(own_bundle.path)


def test_a_folder_that_leads_out_is_refused(own_bundle: Bundle, tmp_path: Path) -> None:
    with BundleWriter(own_bundle.path, force=True) as writer:
        shutil.copytree(own_bundle.path, writer.folder, dirs_exist_ok=True)
        (writer.folder / "below").mkdir()
        (writer.folder / "below" / "more").write_bytes(b"more")
        bundle = writer.finish(own_bundle.manifest)
    (bundle.path / "below").rename(tmp_path / "elsewhere")
    (bundle.path / "below").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleDamagedError, match=r"below/more': is outside the bundle"):
        Bundle.open(bundle.path)


def test_a_linked_manifest_without_a_checksum_is_refused(
    own_bundle: Bundle, tmp_path: Path
) -> None:
    older = to_json(replace(own_bundle.manifest, format_revision=3))
    (own_bundle.path / MANIFEST_NAME).write_text(older)
    assert Bundle.open(own_bundle.path).manifest.format_revision == 3
    snapshot = lay_cache(own_bundle.path, tmp_path / "cache")
    with pytest.raises(BundleDamagedError, match="no checksum to verify it; replace the links"):
        Bundle.open(snapshot)
