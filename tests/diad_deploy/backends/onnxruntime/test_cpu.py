"""Graphs are loaded only where they are what the manifest says and read nothing else."""

import builtins
from dataclasses import replace
from pathlib import Path

import pytest

from diad_deploy.backends.onnxruntime.cpu import OnnxRuntimeStages
from diad_deploy.bundle.folder import Bundle, BundleWriter
from diad_deploy.errors import BackendError, BundleDamagedError


def rewritten(bundle: Bundle, destination: Path, change) -> Bundle:
    """The bundle again, hashes and all, after `change` has had the folder."""
    with BundleWriter(destination) as writer:
        for record in bundle.manifest.files:
            (writer.folder / record.path).write_bytes(bundle.file(record.path).read_bytes())
        change(writer.folder)
        return writer.finish(replace(bundle.manifest, files=()))


def point_outside(location: str):
    onnx = pytest.importorskip("onnx")

    def change(folder: Path) -> None:
        model = onnx.load(folder / "decoder.onnx")
        tensor = next(t for t in model.graph.initializer if t.name == "gather")
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", location
        (folder / "decoder.onnx").write_bytes(model.SerializeToString())

    return change


@pytest.mark.parametrize("location", ["../outside.bin", "/etc/passwd", "a/../../outside.bin"])
def test_external_data_outside_the_bundle(
    standin_bundle: Bundle, tmp_path: Path, location: str
) -> None:
    (tmp_path / "outside.bin").write_bytes(bytes(48))
    bundle = rewritten(standin_bundle, tmp_path / "bundle", point_outside(location))
    with pytest.raises(BundleDamagedError, match=r"decoder"):
        OnnxRuntimeStages.open(Bundle.open(bundle.path))


def test_external_data_without_a_hash(standin_bundle: Bundle, tmp_path: Path) -> None:
    bundle = rewritten(standin_bundle, tmp_path / "bundle", point_outside("weights.bin"))
    (bundle.path / "weights.bin").write_bytes(bytes(48))
    with pytest.raises(BundleDamagedError, match=r"weights\.bin"):
        OnnxRuntimeStages.open(Bundle.open(bundle.path))


def test_file_that_is_no_graph(standin_bundle: Bundle, tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        (folder / "scorer.onnx").write_bytes(b"not a graph")

    bundle = rewritten(standin_bundle, tmp_path / "bundle", change)
    with pytest.raises(BundleDamagedError, match="scorer"):
        OnnxRuntimeStages.open(bundle)


def test_graph_that_is_another_than_the_manifest_says(
    standin_bundle: Bundle, tmp_path: Path
) -> None:
    def change(folder: Path) -> None:
        (folder / "decoder.onnx").write_bytes((folder / "scorer.onnx").read_bytes())

    bundle = rewritten(standin_bundle, tmp_path / "bundle", change)
    with pytest.raises(BundleDamagedError, match="differs from the manifest"):
        OnnxRuntimeStages.open(bundle)


def test_onnxruntime_not_installed(standin_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *given, **named):
        if name == "onnxruntime":
            raise ImportError("No module named 'onnxruntime'")
        return real(name, *given, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(BackendError, match=r"diad_deploy\[cpu\]"):
        OnnxRuntimeStages.open(standin_bundle)
