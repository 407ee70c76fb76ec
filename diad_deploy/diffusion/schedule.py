"""DDIM timesteps and coefficients (eta 0), as computed by the published sampler.

Source: `make_beta_schedule`, `make_ddim_timesteps` and `make_ddim_sampling_parameters` of the
published code. The betas are Stable Diffusion's: their square roots are linear.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diad_deploy.bundle.manifest import ScheduleSpec, Spacing
from diad_deploy.errors import OptionError

TRAIN_TIMESTEPS = 1000
BETA_START = 0.00085
BETA_END = 0.012


@dataclass(frozen=True, slots=True, kw_only=True)
class DdimStep:
    """One step of the loop: `next = latents_scale * latents + noise_scale * predicted_noise`."""

    timestep: int
    latents_scale: float
    noise_scale: float


def alphas_cumprod(
    train_timesteps: int = TRAIN_TIMESTEPS,
    beta_start: float = BETA_START,
    beta_end: float = BETA_END,
) -> npt.NDArray[np.float64]:
    """Cumulative products of 1 - beta, `[train_timesteps]` float64."""
    root = np.linspace(math.sqrt(beta_start), math.sqrt(beta_end), train_timesteps)
    return np.asarray(np.cumprod(1.0 - root**2), dtype=np.float64)


def published_alphas_cumprod() -> npt.NDArray[np.float64]:
    """`alphas_cumprod` rounded to float32, as stored in checkpoints and used by the sampler."""
    return alphas_cumprod().astype(np.float32).astype(np.float64)


def leading_timesteps(steps: int) -> tuple[int, ...]:
    """`range(0, 1000, 1000 // steps)` plus 1, ascending; the published spacing."""
    return tuple(t + 1 for t in range(0, TRAIN_TIMESTEPS, TRAIN_TIMESTEPS // steps))


def trailing_timesteps(steps: int) -> tuple[int, ...]:
    """`steps` timesteps evenly spaced down from 999, ascending; matches the initial noise level."""
    # because of rounding, `arange` can return another one at 0
    spaced = np.arange(TRAIN_TIMESTEPS, 0, -TRAIN_TIMESTEPS / steps)[:steps]
    return tuple(int(t) for t in np.round(spaced).astype(int)[::-1] - 1)


def make_schedule(steps: int, spacing: Spacing = "leading") -> ScheduleSpec:
    """The schedule for a requested number of steps.

    With `leading` spacing the number of steps can be larger than requested (8 for 7); `steps` of
    the result is the actual number.

    Raises:
        OptionError: the number of steps is out of range, or the spacing exceeds the 1000 training
            timesteps.
    """
    if not 1 <= steps <= TRAIN_TIMESTEPS:
        raise OptionError(f"--steps {steps}: expected 1 to {TRAIN_TIMESTEPS}")
    ascending = leading_timesteps(steps) if spacing == "leading" else trailing_timesteps(steps)
    if ascending[-1] >= TRAIN_TIMESTEPS:
        near = _nearest_leading(steps)
        raise OptionError(
            f"--steps {steps} with leading spacing needs timestep {ascending[-1]}, but the last "
            f"one is {TRAIN_TIMESTEPS - 1}; use --steps {near}, or --spacing trailing"
        )
    products = published_alphas_cumprod()
    alphas = [float(products[t]) for t in ascending]
    alphas_prev = [float(products[0]), *alphas[:-1]]
    return ScheduleSpec(
        steps=len(ascending),
        spacing=spacing,
        train_timesteps=TRAIN_TIMESTEPS,
        beta_start=BETA_START,
        beta_end=BETA_END,
        start_timestep=TRAIN_TIMESTEPS - 1,
        timesteps=ascending[::-1],
        alphas=tuple(alphas[::-1]),
        alphas_prev=tuple(alphas_prev[::-1]),
    )


def ddim_steps(schedule: ScheduleSpec) -> tuple[DdimStep, ...]:
    """The coefficients of the loop, in its order, computed in float64."""
    return tuple(
        DdimStep(
            timestep=timestep,
            latents_scale=math.sqrt(alpha_prev / alpha),
            noise_scale=math.sqrt(1.0 - alpha_prev)
            - math.sqrt(alpha_prev / alpha) * math.sqrt(1.0 - alpha),
        )
        for timestep, alpha, alpha_prev in zip(
            schedule.timesteps, schedule.alphas, schedule.alphas_prev, strict=True
        )
    )


def _nearest_leading(steps: int) -> str:
    def fits(count: int) -> bool:
        return 1 <= count <= TRAIN_TIMESTEPS and leading_timesteps(count)[-1] < TRAIN_TIMESTEPS

    below = next((n for n in range(steps - 1, 0, -1) if fits(n)), None)
    above = next((n for n in range(steps + 1, TRAIN_TIMESTEPS + 1) if fits(n)), None)
    return " or ".join(str(n) for n in (below, above) if n is not None)
