"""A checkpoint becomes a bundle that computes what the reference does."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from diad_deploy import Detector
from diad_deploy.bundle.folder import Bundle
from diad_deploy.errors import ExportError, OptionError, OutputError
from diad_deploy.images.preprocess import prepare_batch
from diad_export.build import build
from diad_export.checkpoint.read import read_checkpoint
from diad_export.checkpoint.weights import load_model
from diad_export.model.diad import DiadModel
from diad_export.model.reference import ReferenceOptions, run_reference
from diad_export.onnx.components import Component, image_spec, make_components
from diad_export.onnx.export import write_graph
from diad_export.onnx.parity import check_parity
from diad_export.options import BuildOptions, Recommended, resolve_options
from tests.golden_case import TINY_A, TINY_B, GoldenCase, relative_error
from tests.traces import kept_traces

MAP_LIMIT, MAP_MEAN_LIMIT, SCORE_LIMIT = 1e-3, 1e-4, 1e-3


def make_images(count: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (40 + i, 50, 3), dtype=np.uint8) for i in range(count)]


def test_bundle_gives_the_references_numbers(small_checkpoint: Path, small_bundle: Bundle) -> None:
    images = make_images(3)
    rng = np.random.default_rng(5)
    noise, posterior_noise = rng.normal(size=(2, 3, 4, 4, 4)).astype(np.float32)
    manifest = small_bundle.manifest
    reference = run_reference(
        load_model(read_checkpoint(small_checkpoint)),
        torch.from_numpy(prepare_batch(images, manifest.image)),
        torch.from_numpy(noise),
        torch.from_numpy(posterior_noise),
        ReferenceOptions(
            schedule=manifest.schedule,
            guidance_scale=9.0,
            sigma_px=manifest.fusion.sigma_px,
            pool_size_px=manifest.fusion.pool_size_px,
            pool_count=manifest.fusion.pool_count,
        ),
    )
    with Detector.open(small_bundle, batch_size=2) as detector:
        found = detector.detect(images, noise=noise, posterior_noise=posterior_noise)
    for place, detection in enumerate(found):
        error = np.abs(detection.anomaly_map - reference.anomaly_map[place].numpy())
        assert error.max() <= MAP_LIMIT
        assert error.mean() <= MAP_MEAN_LIMIT
        assert abs(detection.score - float(reference.image_score[place])) <= SCORE_LIMIT
        assert relative_error(detection.reconstruction, reference.reconstruction[place]) < 1e-4


def test_the_manifest_has_the_checkpoints_recommended_settings(small_bundle: Bundle) -> None:
    manifest = small_bundle.manifest
    assert manifest.image == image_spec(32)
    assert manifest.schedule.timesteps == (501, 1)
    assert (manifest.fusion.sigma_px, manifest.fusion.pool_size_px) == (1.0, 3)
    assert (manifest.heatmap.low, manifest.heatmap.high) == (0.1, 0.9)
    assert [layer.side for layer in manifest.fusion.layers] == [8, 4, 2]
    assert {record.graph for record in manifest.parity} == {
        "encoder",
        "denoiser",
        "decoder",
        "scorer",
    }
    assert max(record.relative for record in manifest.parity) < 1e-4
    assert manifest.versions["torch"] == torch.__version__.split("+")[0] or manifest.versions


def test_weights_are_stored_in_float16(small_checkpoint: Path, small_bundle: Bundle) -> None:
    assert {graph.stored_weights for graph in small_bundle.manifest.graphs} == {"float16"}
    graphs = sum(small_bundle.file(g.file).stat().st_size for g in small_bundle.manifest.graphs)
    assert graphs < 1.2 * small_checkpoint.stat().st_size


def test_graphs_are_opset_18_with_dynamic_batch_and_without_paths(
    small_bundle: Bundle,
) -> None:
    for graph in small_bundle.manifest.graphs:
        path = small_bundle.file(graph.file)
        model = onnx.load(path)
        assert [(o.domain, o.version) for o in model.opset_import] == [("", 18)]
        for value in (*model.graph.input, *model.graph.output):
            first = value.type.tensor_type.shape.dim[0]
            assert first.dim_param == "batch" or first.dim_value == 1
        assert str(Path.cwd()).encode() not in path.read_bytes()
        assert b"site-packages" not in path.read_bytes()


def test_text_and_context_projections_are_not_in_the_denoiser(small_bundle: Bundle) -> None:
    names = [i.name for i in onnx.load(small_bundle.file("denoiser.onnx")).graph.initializer]
    assert not [name for name in names if "attn2.to_k" in name or "attn2.to_v" in name]
    assert not [name for name in names if "cond_embedding" in name]


@pytest.fixture(scope="module")
def golden_traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of this run alone: every run traces the golden model; its two cases differ in one graph."""
    return tmp_path_factory.mktemp("golden-traces")


@pytest.mark.parametrize("case", [TINY_A, TINY_B], ids=lambda case: case.name)
def test_golden_bundle_gives_the_recorded_values(
    golden_checkpoint: Path, golden_traces: Path, tmp_path: Path, case: GoldenCase
) -> None:
    options = BuildOptions(
        image_size_px=128, posterior="sample", only_mid_control=case.only_mid_control
    )
    with kept_traces(golden_traces):
        bundle = build(golden_checkpoint, tmp_path / "bundle", options)
    # a few of its constants survive float16, its weights do not
    assert {graph.stored_weights for graph in bundle.manifest.graphs} == {"float32"}
    recorded = case.arrays()
    with Detector.open(bundle) as detector:
        found = detector.detect(
            list(recorded["image_uint8"]),
            noise=recorded["noise"],
            posterior_noise=recorded["posterior_noise"],
        )
    for place, detection in enumerate(found):
        assert relative_error(detection.reconstruction, recorded["reconstruction"][place]) <= 1e-4
        assert relative_error(detection.anomaly_map, recorded["anomaly_map"][place]) <= 1e-4
        assert abs(detection.score - recorded["image_score"][place]) <= 1e-4


def test_existing_bundle_needs_force(small_checkpoint: Path, small_bundle: Bundle) -> None:
    with pytest.raises(OutputError, match="--force"):
        build(small_checkpoint, small_bundle.path, BuildOptions())


def test_a_failed_build_leaves_nothing(small_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="multiples of 16 px"):
        build(small_checkpoint, tmp_path / "bundle", BuildOptions(image_size_px=40))
    assert list(tmp_path.iterdir()) == []


def test_a_killed_build_leaves_no_bundle(small_checkpoint: Path, tmp_path: Path) -> None:
    destination = tmp_path / "bundle"
    arguments = ["build", str(small_checkpoint), "-o", str(destination)]
    code = (
        f"import sys; sys.argv[1:] = {arguments!r}; "
        "from diad_export.cli.commands import main; main()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "exporting the denoiser" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    assert not destination.exists()


def test_parity_check_rejects_other_numbers(small_model: DiadModel, small_bundle: Bundle) -> None:
    """The check must be able to fail: one weight of the module is changed after the export."""
    changed = load_model_copy(small_model)
    changed.autoencoder.decoder.conv_out.bias.add_(0.05)
    decoder = components_of(changed, small_bundle)[2]
    with pytest.raises(ExportError, match="decoder: the exported graph differs from PyTorch"):
        check_parity(decoder, small_bundle.file("decoder.onnx"))


class OffInFloat32(torch.nn.Module):
    """A module with inaccurate float32 sums."""

    def __init__(self, module: torch.nn.Module, off_by: float) -> None:
        super().__init__()
        self.module, self.off_by = module, off_by

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.module(*inputs)
        return result if result.dtype == torch.float64 else result + self.off_by


def test_float64_decides_if_pytorchs_float32_is_inaccurate(
    small_checkpoint: Path, small_bundle: Bundle
) -> None:
    model = load_model(read_checkpoint(small_checkpoint))
    components = components_of(model, small_bundle)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for component in components:
        path = small_bundle.file(f"{component.name}.onnx")
        if len(component.outputs) == 1:
            off = replace(component, module=OffInFloat32(component.module, off_by=0.05))
            (record,) = check_parity(off, path)
            assert 0 < record.relative < 1e-5
    after = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    decoder = components[2]
    model.autoencoder.decoder.conv_out.bias.add_(0.05)
    off = replace(decoder, module=OffInFloat32(decoder.module, off_by=0.01))
    with pytest.raises(ExportError, match=r"in float64 \(reconstruction by"):
        check_parity(off, small_bundle.file("decoder.onnx"))


def components_of(model: DiadModel, bundle: Bundle) -> tuple[Component, ...]:
    """The components of `model` with the bundle's settings."""
    manifest = bundle.manifest
    return make_components(
        model,
        image=manifest.image,
        schedule=manifest.schedule,
        fusion=manifest.fusion,
        only_mid_control=True,
    )


def load_model_copy(model: DiadModel) -> DiadModel:
    import copy

    return copy.deepcopy(model)


def test_a_large_graph_has_external_data(
    small_model: DiadModel, small_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diad_export.onnx.export.INLINE_BYTES", 1000)
    decoder = components_of(small_model, small_bundle)[2]
    written = write_graph(decoder, tmp_path)
    assert (tmp_path / "decoder.onnx.data").stat().st_size > 100_000
    assert written.path.stat().st_size < 200_000
    check_parity(decoder, written.path)


def test_options_are_the_users_then_the_checkpoints_then_the_published_ones() -> None:
    recommended = Recommended(steps=4, spacing="trailing", sigma_px=2.0)
    resolved = resolve_options(BuildOptions(steps=5, heatmap_scale=(0.2, 0.4)), recommended)
    assert (resolved.steps, resolved.sigma_px, resolved.pool_size_px) == (5, 2.0, 8)
    assert resolved.spacing == "trailing"
    assert resolve_options(BuildOptions(spacing="leading"), recommended).spacing == "leading"
    assert resolve_options(BuildOptions(), Recommended()).spacing == "leading"
    assert (resolved.heatmap_low, resolved.heatmap_high) == (0.2, 0.4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma_px": 0.0}, "--sigma 0.0 must be above 0"),
        ({"sigma_px": float("nan")}, "--sigma nan must be above 0"),
        ({"heatmap_scale": (0.0, float("inf"))}, "--heatmap-scale 0.0 inf: expected low, then"),
        ({"pool_size_px": 33, "pool_count": 8}, "the pools are larger than the image of 256 px"),
        ({"heatmap_scale": (1.0, 1.0)}, "expected low, then high"),
        ({"convolutions": "winograd", "precision": "fp16"}, "float16 cannot hold"),
        ({"bit_depth": 12}, "reads no images but those of --calibration"),
    ],
)
def test_invalid_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        resolve_options(replace(BuildOptions(), **options), Recommended())
