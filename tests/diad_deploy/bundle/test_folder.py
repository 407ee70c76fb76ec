"""A bundle is written whole or not at all, and opened only where it is what it says."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from diad_deploy.bundle.folder import MANIFEST_NAME, THRESHOLDS_NAME, Bundle, BundleWriter
from diad_deploy.bundle.manifest import FORMAT_REVISION
from diad_deploy.errors import (
    BundleDamagedError,
    BundleMissingError,
    BundleVersionError,
    OutputError,
)
from tests.standin import write_standin_bundle


def edit_manifest(bundle: Bundle, **changes: object) -> None:
    path = bundle.path / MANIFEST_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_was_written_is_what_is_opened(standin_bundle: Bundle) -> None:
    assert Bundle.open(standin_bundle.path).manifest == standin_bundle.manifest
    recorded = {record.path for record in standin_bundle.manifest.files}
    assert recorded == {
        *(f"{name}.onnx" for name in ("encoder", "denoiser", "decoder", "scorer")),
        "noise.npy",
        "posterior_noise.npy",
    }
    noise, posterior_noise = standin_bundle.noise()
    assert noise.shape == posterior_noise.shape == (4, 4, 4)
    assert not posterior_noise.any()


def test_one_bit_changed(own_bundle: Bundle) -> None:
    path = own_bundle.path / "denoiser.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleDamagedError, match=r"denoiser\.onnx"):
        Bundle.open(own_bundle.path)


def test_all_faults_are_named_at_once(own_bundle: Bundle) -> None:
    (own_bundle.path / "encoder.onnx").unlink()
    (own_bundle.path / "noise.npy").write_bytes(b"short")
    with pytest.raises(BundleDamagedError) as caught:
        Bundle.open(own_bundle.path)
    assert "encoder.onnx" in str(caught.value)
    assert "noise.npy" in str(caught.value)


@pytest.mark.parametrize("outside", ["../secret", "/etc/passwd", "a/../../b", "C:\\x", "..\\x", ""])
def test_paths_that_leave_the_bundle(own_bundle: Bundle, outside: str) -> None:
    files = [{"path": outside, "sha256": "0" * 64, "size_bytes": 1}]
    edit_manifest(own_bundle, files=files)
    with pytest.raises(BundleDamagedError):
        Bundle.open(own_bundle.path)


def test_newer_format(own_bundle: Bundle) -> None:
    edit_manifest(own_bundle, format_revision=FORMAT_REVISION + 1)
    with pytest.raises(BundleVersionError, match=f"{FORMAT_REVISION + 1}"):
        Bundle.open(own_bundle.path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format_revision": "1"}', "\x00"])
def test_manifest_that_is_none(own_bundle: Bundle, text: str) -> None:
    (own_bundle.path / MANIFEST_NAME).write_text(text)
    with pytest.raises(BundleDamagedError):
        Bundle.open(own_bundle.path)


def test_fields_that_are_missing_unknown_or_of_a_wrong_type(own_bundle: Bundle) -> None:
    edit_manifest(own_bundle, only_mid_control="yes", surprise=1)
    with pytest.raises(BundleDamagedError) as caught:
        Bundle.open(own_bundle.path)
    assert "only_mid_control" in str(caught.value)
    assert "surprise" in str(caught.value)


def test_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "absent", tmp_path, tmp_path / "file"):
        with pytest.raises(BundleMissingError, match="diad-export build"):
            Bundle.open(path)


def test_noise_of_another_shape(own_bundle: Bundle) -> None:
    manifest = replace(own_bundle.manifest, image=replace(own_bundle.manifest.image, size_px=64))
    with pytest.raises(BundleDamagedError, match=r"expected float32 \[4, 8, 8\]"):
        replace(own_bundle, manifest=manifest).noise()


HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': SHAPE, }"


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("(100000, 1000, 1000)", r"the header claims \[100000, 1000, 1000\]"),
        ("(" * 300 + ")" * 300, "found the header"),
        ("(" * 3000 + ")" * 3000, "expected at most 1280 bytes"),
        ("(4, 4, 4)", "NaN or infinity"),
        ("(64,)", r"expected float32 \[4, 4, 4\], found float32 \[64\]"),
    ],
)
def test_noise_that_is_none_although_its_hash_is_right(
    own_bundle: Bundle, shape: str, message: str
) -> None:
    header = HEADER.replace("SHAPE", shape).encode() + b"\n"
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    path = own_bundle.path / "noise.npy"
    path.write_bytes(start + b"\xff" * 256)
    with BundleWriter(own_bundle.path, force=True) as writer:
        shutil.copytree(own_bundle.path, writer.folder, dirs_exist_ok=True)
        writer.finish(own_bundle.manifest)
    with pytest.raises(BundleDamagedError, match=message):
        Bundle.open(own_bundle.path).noise()


def test_existing_bundle_is_replaced_with_force_only(own_bundle: Bundle) -> None:
    with pytest.raises(OutputError, match="--force"):
        write_standin_bundle(own_bundle.path)
    again = write_standin_bundle(own_bundle.path, force=True, steps=5)
    assert Bundle.open(own_bundle.path).manifest.schedule.steps == again.manifest.schedule.steps
    assert [path.name for path in own_bundle.path.parent.iterdir()] == ["bundle"]


def test_a_strangers_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("ten years")
    with pytest.raises(OutputError):
        write_standin_bundle(tmp_path / "mine", force=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "ten years"


def test_leaving_without_finishing_leaves_nothing(tmp_path: Path) -> None:
    def fail_halfway() -> None:
        with BundleWriter(tmp_path / "bundle") as writer:
            np.save(writer.folder / "noise.npy", np.zeros(3))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert list(tmp_path.iterdir()) == []


def test_thresholds_are_no_file_of_the_bundle(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "bundle") as writer:
        (writer.folder / THRESHOLDS_NAME).write_text("{}")
        bundle = write_standin_bundle(tmp_path / "other")
        for record in bundle.manifest.files:
            (writer.folder / record.path).write_bytes(bundle.file(record.path).read_bytes())
        written = writer.finish(bundle.manifest)
    assert written.manifest.files == bundle.manifest.files
    (written.path / THRESHOLDS_NAME).write_text("changed")
    assert Bundle.open(written.path).manifest == written.manifest
