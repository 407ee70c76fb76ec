"""A bundle with rewritten convolutions records it, and computes the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner

from diad_deploy import Detector
from diad_deploy.bundle.folder import Bundle
from diad_deploy.errors import OptionError
from diad_export.cli.commands import command
from diad_export.engines.bundle_engines import add_engines
from diad_export.engines.options import EngineOptions
from diad_export.onnx import winograd_tiles
from diad_export.options import options_from_manifest
from tests.traces import kept_traces

RTX = EngineOptions(target="tensorrt-rtx", compute_capabilities=("8.9",))


@pytest.fixture(scope="module")
def rewritten(
    small_checkpoint: Path, traces: Path, tmp_path_factory: pytest.TempPathFactory
) -> Bundle:
    """A bundle of the small model, rewritten in spite of its few channels."""
    path = tmp_path_factory.mktemp("winograd") / "bundle"
    with pytest.MonkeyPatch.context() as patched, kept_traces(traces):
        patched.setattr(winograd_tiles, "CHANNELS_LARGE", 8)
        patched.setattr(winograd_tiles, "CHANNELS_SMALL", 8)
        arguments = ["build", str(small_checkpoint), "-o", str(path), "--convolutions", "winograd"]
        result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return Bundle.open(path)


def test_convolutions_of_every_graph_are_rewritten(rewritten: Bundle, small_bundle: Bundle) -> None:
    for graph in rewritten.manifest.graphs:
        model = onnx.load(rewritten.path / graph.file, load_external_data=False)
        assert any(".winograd." in tensor.name for tensor in model.graph.initializer)
        # of the model, not of the file
        assert graph.parameters == small_bundle.manifest.graph(graph.name).parameters


def test_the_same_maps_and_scores(rewritten: Bundle, small_bundle: Bundle) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (40, 50, 3), dtype=np.uint8) for _ in range(3)]
    with Detector.open(small_bundle) as plain, Detector.open(rewritten) as changed:
        for wanted, found in zip(plain.detect(images), changed.detect(images), strict=True):
            assert not np.array_equal(found.anomaly_map, wanted.anomaly_map)
            assert abs(found.score - wanted.score) < 1e-5
            assert np.abs(found.anomaly_map - wanted.anomaly_map).max() < 1e-4


def test_the_bundle_says_so(rewritten: Bundle, small_bundle: Bundle) -> None:
    assert rewritten.manifest.convolutions == "winograd"
    assert options_from_manifest(rewritten.manifest) == replace(
        options_from_manifest(small_bundle.manifest), convolutions="winograd"
    )
    output = CliRunner().invoke(command, ["inspect", str(rewritten.path)]).output
    assert "convolutions  3 x 3 as Winograd" in output
    plain = CliRunner().invoke(command, ["inspect", str(small_bundle.path)]).output
    assert "convolutions" not in plain


def test_engines_are_rejected(rewritten: Bundle) -> None:
    with pytest.raises(OptionError, match="expected plain convolutions"):
        add_engines(rewritten.path, RTX)


def test_a_build_with_engines_is_rejected_at_once(tmp_path: Path) -> None:
    arguments = ["build", str(tmp_path / "absent.ckpt"), "-o", str(tmp_path / "b")]
    more = ["--convolutions", "winograd", "--target", "tensorrt-rtx", "--compute-capability", "8.9"]
    with pytest.raises(OptionError, match="build without --convolutions winograd"):
        CliRunner().invoke(command, [*arguments, *more], catch_exceptions=False)
    assert not (tmp_path / "b").exists()
