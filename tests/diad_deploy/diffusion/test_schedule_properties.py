"""What holds of every schedule: falling timesteps, and coefficients that agree with each other."""

import math
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from diad_deploy.bundle.manifest import ScheduleSpec, Spacing
from diad_deploy.diffusion.schedule import ddim_steps, make_schedule, published_alphas_cumprod
from diad_deploy.errors import OptionError

SPACINGS: tuple[Spacing, ...] = ("leading", "trailing")
AMPLITUDES = st.floats(-4.0, 4.0)


def schedules(steps: int) -> list[ScheduleSpec]:
    """Of each spacing that has one for this number of steps."""
    found = [make_schedule(steps, "trailing")]
    try:
        found.append(make_schedule(steps, "leading"))
    except OptionError as error:
        # what the message names instead works
        near = str(error).split("use --steps ")[1].split(", or --spacing")[0]
        assert all(make_schedule(int(count)) for count in near.split(" or "))
    return found


def check(schedule: ScheduleSpec) -> None:
    assert len(schedule.timesteps) == schedule.steps
    assert all(one > other for one, other in pairwise(schedule.timesteps))
    assert 0 <= schedule.timesteps[-1] <= schedule.timesteps[0] < schedule.train_timesteps
    products = published_alphas_cumprod()
    assert list(schedule.alphas) == [products[t] for t in schedule.timesteps]
    assert schedule.alphas_prev == (*schedule.alphas[1:], products[0])
    steps = ddim_steps(schedule)
    assert [step.timestep for step in steps] == list(schedule.timesteps)
    for step, a, b in zip(steps, schedule.alphas, schedule.alphas_prev, strict=True):
        assert 0 < a < b <= 1 or (step.timestep == 0 and a == b)
        assert a * step.latents_scale**2 == pytest.approx(b, rel=1e-12)
        # latents grow, and less noise is in them than before
        assert step.latents_scale >= 1.0
        assert step.noise_scale <= 0.0


def test_every_schedule_of_up_to_fifty_steps() -> None:
    for steps in range(1, 51):
        for schedule in schedules(steps):
            check(schedule)


@given(st.integers(1, 1000))
@example(1000)
def test_every_schedule(steps: int) -> None:
    for schedule in schedules(steps):
        check(schedule)
        assert schedule.steps >= steps
        assert schedule.spacing == "leading" or schedule.steps == steps


@given(st.integers(1, 50), st.sampled_from(SPACINGS), AMPLITUDES, AMPLITUDES)
def test_known_noise_is_taken_out_to_the_last_bit_of_it(
    steps: int, spacing: Spacing, clean: float, noise: float
) -> None:
    """Where the model predicts the noise that is there, each step ends at its own noise level."""
    try:
        schedule = make_schedule(steps, spacing)
    except OptionError:
        assume(False)
    first = schedule.alphas[0]
    latents = math.sqrt(first) * clean + math.sqrt(1 - first) * noise
    for step, after in zip(ddim_steps(schedule), schedule.alphas_prev, strict=True):
        latents = step.latents_scale * latents + step.noise_scale * noise
        expected = math.sqrt(after) * clean + math.sqrt(1 - after) * noise
        assert latents == pytest.approx(expected, abs=1e-9)
