"""The PyTorch reference against the values recorded from the published implementation."""

import numpy as np
import pytest
import torch

from diad_deploy.diffusion.schedule import make_schedule
from diad_export.model.diad import DiadModel
from diad_export.model.reference import ReferenceOptions, run_reference
from diad_export.onnx.components import image_spec
from tests.golden_case import (
    TINY_A,
    TINY_B,
    GoldenCase,
    relative_error,
)

STAGE_LIMIT = 1e-4
SCORE_LIMIT = 1e-4
STAGES = {
    "posterior_mean",
    "posterior_logvar",
    "latents_encoded",
    "latents_start",
    "step0_latents",
    "step0_control_rms",
    "step0_control_9",
    "step0_control_mid",
    "step0_eps",
    "step5_latents",
    "step5_eps",
    "step9_latents",
    "step9_eps",
    "latents_final",
    "reconstruction",
    "distance_layer1",
    "distance_layer2",
    "distance_layer3",
    "anomaly_map_raw",
    "anomaly_map",
    "image_score",
}


def run_case(model: DiadModel, case: GoldenCase, size_px: int) -> dict[str, np.ndarray]:
    recorded = case.arrays()
    seen: dict[str, np.ndarray] = {}
    run_reference(
        model,
        case.images(image_spec(size_px)),
        torch.from_numpy(recorded["noise"]),
        torch.from_numpy(recorded["posterior_noise"]),
        ReferenceOptions(
            schedule=make_schedule(10),
            only_mid_control=case.only_mid_control,
            guidance_scale=case.guidance_scale,
        ),
        observe=lambda name, value: seen.setdefault(name, value.numpy()),
    )
    return seen


def check_case(seen: dict[str, np.ndarray], case: GoldenCase) -> None:
    recorded = case.arrays()
    errors = {name: relative_error(seen[name], recorded[name]) for name in STAGES}
    too_far = {name: error for name, error in errors.items() if not error <= STAGE_LIMIT}
    assert not too_far
    assert np.abs(seen["image_score"] - recorded["image_score"]).max() <= SCORE_LIMIT


@pytest.mark.parametrize("case", [TINY_A, TINY_B], ids=lambda case: case.name)
def test_every_stage_is_as_recorded(golden_model: DiadModel, case: GoldenCase) -> None:
    check_case(run_case(golden_model, case, 128), case)


def test_context_is_the_recorded_one(golden_model: DiadModel) -> None:
    assert relative_error(golden_model.context, TINY_A.arrays()["context"]) <= STAGE_LIMIT


def test_another_control_setting_is_detected(golden_model: DiadModel) -> None:
    other = GoldenCase(name=TINY_B.name, size="tiny", only_mid_control=True, guidance_scale=None)
    with pytest.raises(AssertionError):
        check_case(run_case(golden_model, other, 128), TINY_B)


def test_guidance_changes_nothing(golden_model: DiadModel) -> None:
    unguided = GoldenCase(name=TINY_A.name, size="tiny", only_mid_control=True, guidance_scale=None)
    seen = run_case(golden_model, unguided, 128)
    assert relative_error(seen["latents_final"], TINY_A.arrays()["latents_final"]) < 1e-5
