"""Every rung leaves out what it says, and as much as that must be."""

import pytest

from diad_benchmarks.studies.ladder import Rung, climb
from diad_export.model.sizes import AutoencoderSizes, FeatureSizes, ModelSizes, UnetSizes
from diad_export.options import BuildOptions, Recommended, ResolvedOptions, resolve_options

STEPS = 2
SIZES = ModelSizes(
    unet=UnetSizes(channels=(256, 640), context_width=64, attention_levels=(False, True)),
    autoencoder=AutoencoderSizes(channels=(32, 32, 32, 32), res_blocks=1),
    features=FeatureSizes(name="resnet10t"),
)
"""Wide enough for timestep tables and folded attention, without memory all the same."""


def settings(size_px: int) -> ResolvedOptions:
    options = BuildOptions(
        image_size_px=size_px, steps=STEPS, sigma_px=1.0, pool_size_px=3, pool_count=2
    )
    return resolve_options(options, Recommended())


@pytest.fixture(scope="module")
def rungs() -> dict[str, Rung]:
    return {rung.left_out: rung for rung in climb(SIZES, settings(32))}


def saved(rungs: dict[str, Rung], start: str) -> tuple[int, int, int]:
    """Operators, weights and multiply-adds that the rung whose name begins so leaves out."""
    names = list(rungs)
    place = next(i for i, name in enumerate(names) if name.startswith(start))
    above, here = rungs[names[place - 1]].work, rungs[names[place]].work
    return (
        above.operators - here.operators,
        above.weights - here.weights,
        above.multiply_adds - here.multiply_adds,
    )


@pytest.mark.parametrize("start", ["decoding", "guidance", "the text", "the hint"])
def test_work_goes(rungs: dict[str, Rung], start: str) -> None:
    operators, weights, multiply_adds = saved(rungs, start)
    assert operators > 0
    assert weights >= 0
    assert multiply_adds > 0


def test_guidance_is_one_of_two_sides(rungs: dict[str, Rung]) -> None:
    _, weights, multiply_adds = saved(rungs, "guidance")
    assert weights == 0
    text = 12 * (4 * 64 * 64 + 2 * 64 * 256) * 77 + 12 * 2 * 77 * 77 * 64
    left = rungs["guidance"].work.multiply_adds
    # of what is left, only encoder, decoder and extractor were not there twice
    assert text < multiply_adds < left


def test_the_hint_stays_once(rungs: dict[str, Rung]) -> None:
    _, weights, multiply_adds = saved(rungs, "the hint")
    assert weights == 0
    assert multiply_adds == (STEPS - 1) * hint_multiply_adds(32, 256)


def hint_multiply_adds(size_px: int, channels: int) -> int:
    """Of the eight convolutions of the published hint block, by hand."""
    full, half, quarter, eighth = ((size_px // part) ** 2 for part in (1, 2, 4, 8))
    return 9 * (
        full * (3 * 16 + 16 * 16)
        + half * (16 * 32 + 32 * 32)
        + quarter * (32 * 96 + 96 * 96)
        + eighth * (96 * 256 + 256 * channels)
    )


def test_dead_control_is_the_shallow_zero_convolutions() -> None:
    """Four levels: SG outputs 0 to 5 reach nothing. With two levels none is dead."""
    four = ModelSizes(
        unet=UnetSizes(channels=(32, 32, 64, 64), context_width=64),
        autoencoder=SIZES.autoencoder,
        features=SIZES.features,
    )
    found = {rung.left_out: rung for rung in climb(four, settings(128))}
    operators, weights, multiply_adds = saved(found, "control")
    convolution, context = 32 * 32 + 32, 77 * 64
    assert weights == 6 * convolution + context
    assert multiply_adds == STEPS * 32 * 32 * (3 * 16 * 16 + 3 * 8 * 8)
    assert operators >= STEPS * 6


def test_tables_take_the_place_of_projections(rungs: dict[str, Rung]) -> None:
    _, weights, multiply_adds = saved(rungs, "what the timestep")
    assert weights > 0
    assert multiply_adds > 0
