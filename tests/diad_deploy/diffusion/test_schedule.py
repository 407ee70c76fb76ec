"""The schedule is the published one, and says where it cannot be."""

import numpy as np
import pytest

from diad_deploy.diffusion.schedule import ddim_steps, make_schedule, trailing_timesteps
from diad_deploy.errors import OptionError
from tests.golden_case import TINY_A


def test_ten_steps_are_as_recorded() -> None:
    recorded, schedule = TINY_A.arrays(), make_schedule(10)
    assert list(schedule.timesteps) == recorded["timesteps"].tolist()
    assert np.array_equal(np.float32(schedule.alphas[::-1]), recorded["ddim_alphas"])
    assert np.allclose(schedule.alphas_prev[::-1], recorded["ddim_alphas_prev"], rtol=1e-12)


def test_a_step_is_the_published_update() -> None:
    schedule = make_schedule(5)
    latents, noise = 0.7, -1.3
    for step, alpha, alpha_prev in zip(
        ddim_steps(schedule), schedule.alphas, schedule.alphas_prev, strict=True
    ):
        clean = (latents - (1 - alpha) ** 0.5 * noise) / alpha**0.5
        expected = alpha_prev**0.5 * clean + (1 - alpha_prev) ** 0.5 * noise
        assert step.latents_scale * latents + step.noise_scale * noise == pytest.approx(expected)


@pytest.mark.parametrize(("asked", "run"), [(1, 1), (2, 2), (4, 4), (5, 5), (7, 8), (50, 50)])
def test_leading_counts(asked: int, run: int) -> None:
    assert make_schedule(asked).steps == run


@pytest.mark.parametrize(
    ("asked", "near"), [(3, "2 or 4"), (9, "8 or 10"), (27, "26 or 28"), (1000, "500")]
)
def test_leading_counts_that_leave_the_schedule(asked: int, near: str) -> None:
    with pytest.raises(OptionError, match=f"use --steps {near}, or --spacing trailing"):
        make_schedule(asked)


@pytest.mark.parametrize("asked", [0, -1, 1001])
def test_counts_that_are_none(asked: int) -> None:
    with pytest.raises(OptionError, match="expected 1 to 1000"):
        make_schedule(asked)


@pytest.mark.parametrize("asked", [1, 2, 3, 9, 10])
def test_trailing_starts_where_the_latents_were_noised(asked: int) -> None:
    schedule = make_schedule(asked, "trailing")
    assert schedule.steps == asked
    assert schedule.timesteps[0] == 999
    assert sorted(schedule.timesteps, reverse=True) == list(schedule.timesteps)


def test_trailing_gives_the_steps_that_were_asked_for() -> None:
    """By rounding, 61 and 61 other numbers gave one step more, at timestep -1."""
    for steps in range(1, 1001):
        found = trailing_timesteps(steps)
        assert len(found) == len(set(found)) == steps
        assert 0 <= found[0] <= found[-1] == 999
