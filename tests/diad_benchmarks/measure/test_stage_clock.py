"""Stages get the time between marks with every backend."""

import pytest
import torch

from diad_benchmarks.measure.stage_clock import HostClock, pipeline_stage, reference_stage
from diad_deploy.backends.onnxruntime.cpu import OnnxRuntimeStages
from diad_deploy.bundle.folder import Bundle
from diad_deploy.diffusion import pipeline
from diad_deploy.diffusion.schedule import ddim_steps
from diad_export.model.diad import DiadModel
from diad_export.model.reference import ReferenceOptions, run_reference

STAGES = ["encode", "step 1", "step 2", "decode", "score"]


def test_times_between_marks() -> None:
    ticks = iter([10.0, 11.0, 14.0, 14.5])
    clock = HostClock(now=lambda: next(ticks))
    for stage in ("encode", "step 1", "encode"):
        clock.mark(stage)
    assert clock.seconds() == pytest.approx({"encode": 1.5, "step 1": 3.0})


def test_stages_of_the_pipeline(small_bundle: Bundle) -> None:
    seen: list[str | None] = []
    stages = OnnxRuntimeStages.open(small_bundle)
    noises = [noise[None] for noise in small_bundle.noise()]
    image = torch.zeros(1, 3, 32, 32).numpy()
    steps = ddim_steps(small_bundle.manifest.schedule)
    pipeline.run(
        stages, image, *noises, steps, observe=lambda name, _: seen.append(pipeline_stage(name))
    )
    assert [stage for stage in seen if stage] == STAGES


def test_stages_of_the_reference(small_bundle: Bundle, small_model: DiadModel) -> None:
    seen: list[str | None] = []
    noises = [torch.from_numpy(noise[None]) for noise in small_bundle.noise()]
    options = ReferenceOptions(
        schedule=small_bundle.manifest.schedule, sigma_px=1.0, pool_size_px=3, pool_count=2
    )
    run_reference(
        small_model,
        torch.zeros(1, 3, 32, 32),
        *noises,
        options,
        observe=lambda name, _: seen.append(reference_stage(name)),
    )
    assert [stage for stage in seen if stage] == STAGES
