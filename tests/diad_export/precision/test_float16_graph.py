"""A planted overflow is measured, kept in float32, and listed with its value."""

import copy
from pathlib import Path

import numpy as np
import onnx
import pytest

from diad_deploy.bundle.manifest import FusionSpec
from diad_deploy.diffusion.schedule import make_schedule
from diad_deploy.errors import ExportError
from diad_export.model.diad import DiadModel
from diad_export.onnx.components import Component, EncoderGraph, image_spec, make_components
from diad_export.precision.calibration import Calibration, CalibrationImages
from diad_export.precision.float16_graph import write_float16_graph
from diad_export.precision.float32_nodes import LIMIT_ABS, choose_float32_nodes
from tests.diad_export.onnx.typed import inferred

SCALE = 1e6
SCHEDULE = make_schedule(2)


@pytest.fixture(scope="module")
def planted(small_model: DiadModel) -> Component:
    """An encoder in which one convolution scales by a million and the next scales back."""
    model = copy.deepcopy(small_model)
    model.autoencoder.encoder.conv_out.weight.mul_(SCALE)
    model.autoencoder.encoder.conv_out.bias.mul_(SCALE)
    model.autoencoder.quant_conv.weight.div_(SCALE)
    fusion = FusionSpec(layers=(), sigma_px=1.0, truncate_sigmas=4.0, pool_size_px=3, pool_count=2)
    encoder = make_components(
        model, image=image_spec(32), schedule=SCHEDULE, fusion=fusion, only_mid_control=True
    )[0]
    assert isinstance(encoder.module, EncoderGraph)
    return encoder


def calibration() -> Calibration:
    rng = np.random.default_rng(0)
    images, noise = (rng.normal(size=s).astype(np.float32) for s in ((2, 3, 32, 32), (4, 4, 4)))
    source = CalibrationImages(source="noise", images=images)
    return Calibration(source, noise, np.zeros_like(noise), SCHEDULE)


def test_a_planted_overflow_is_kept_in_float32_and_listed(
    planted: Component, tmp_path: Path
) -> None:
    made = write_float16_graph(planted, tmp_path, calibration())
    measured = [part for part in made.float32_parts if part.reason == "range"]
    assert len(measured) >= 2
    assert max(part.largest_abs for part in measured) > 65504 > LIMIT_ABS
    assert max(record.relative for record in made.parity) < 0.01
    assert made.written.stored_weights == "float16"
    types = inferred(onnx.load(made.written.path))
    assert {types[spec.name] for spec in (*planted.inputs, *planted.outputs)} == {1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["encoder.onnx"]


def test_without_float32_nodes_the_planted_overflow_is_rejected(
    planted: Component, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "diad_export.precision.float16_graph.choose_float32_nodes",
        lambda model, ranges: choose_float32_nodes(model, ranges, limit_abs=float("inf")),
    )
    with pytest.raises(ExportError, match=r"latents by (nan|inf)"):
        write_float16_graph(planted, tmp_path, calibration())
