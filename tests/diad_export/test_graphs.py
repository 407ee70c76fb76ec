"""A checkpoint in float16: types, size, numbers and the manifest."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto

from diad_deploy import Detector
from diad_deploy.bundle.folder import Bundle
from diad_export.cli.commands import command
from tests.diad_export.onnx.typed import inferred

RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8) for _ in range(3)]


def test_the_manifests_entries(small_float16_bundle: Bundle) -> None:
    manifest = small_float16_bundle.manifest
    assert {graph.precision for graph in manifest.graphs} == {"float16"}
    spec = manifest.precision
    assert spec is not None
    assert (spec.precision, spec.calibration) == ("float16", "photos")
    assert spec.pictures == 2
    assert [each.graph for each in spec.ranges] == ["encoder", "denoiser", "decoder", "scorer"]
    assert all(0 < each.largest_abs < np.inf for each in spec.ranges)
    designed = {(part.graph, part.node) for part in spec.wide if part.reason == "design"}
    assert {graph for graph, _ in designed} == {"encoder", "denoiser", "scorer"}
    assert 0 < max(record.relative for record in manifest.parity) < 0.02
    result = CliRunner().invoke(
        command, ["inspect", str(small_float16_bundle.path)], catch_exceptions=False
    )
    assert "float16, measured on 2 images (photos)" in result.output


def test_the_update_the_sinusoid_and_the_fusion_are_float32_in_the_graphs(
    small_float16_bundle: Bundle,
) -> None:
    denoiser = onnx.load(small_float16_bundle.file("denoiser.onnx"))
    types = inferred(denoiser)
    reads = {
        name: [node for node in denoiser.graph.node if name in node.input]
        for name in ("timestep", "latents_scale", "noise_scale")
    }
    assert all(reads.values())
    for nodes in reads.values():
        for node in nodes:
            assert node.op_type != "Cast" or inferred_to(node) == TensorProto.FLOAT
            assert {types[name] for name in node.output} <= {TensorProto.FLOAT, TensorProto.INT64}
    scorer = onnx.load(small_float16_bundle.file("scorer.onnx"))
    types = inferred(scorer)
    [map_node] = [node for node in scorer.graph.node if "anomaly_map" in node.output]
    assert map_node.op_type != "Cast"
    assert types[map_node.input[0]] == TensorProto.FLOAT


def inferred_to(node: onnx.NodeProto) -> int:
    return next(attribute.i for attribute in node.attribute if attribute.name == "to")


def test_weights_are_float16_without_casts(small_float16_bundle: Bundle) -> None:
    decoder = onnx.load(small_float16_bundle.file("decoder.onnx"))
    large = [tensor for tensor in decoder.graph.initializer if np.prod(tensor.dims) > 1000]
    assert {tensor.data_type for tensor in large} == {TensorProto.FLOAT16}
    cast = {node.input[0] for node in decoder.graph.node if node.op_type == "Cast"}
    assert not cast & {tensor.name for tensor in large}


def test_the_runtime_agrees_with_the_float32_bundle(
    small_bundle: Bundle, small_float16_bundle: Bundle
) -> None:
    with Detector.open(small_bundle) as wide, Detector.open(small_float16_bundle) as half:
        for want, got in zip(wide.detect(IMAGES), half.detect(IMAGES), strict=True):
            error = np.linalg.norm(got.anomaly_map - want.anomaly_map)
            assert 0 < error < 0.02 * np.linalg.norm(want.anomaly_map)
            assert got.score == pytest.approx(want.score, rel=0.02)


def test_a_missing_calibration_folder(small_checkpoint: Path, tmp_path: Path) -> None:
    words = ["build", str(small_checkpoint), "-o", str(tmp_path / "b"), "--precision", "fp16"]
    done = CliRunner().invoke(command, [*words, "--calibration", str(tmp_path / "absent")])
    assert "expected a folder of good images, found nothing" in str(done.exception)
    assert not (tmp_path / "b").exists()
