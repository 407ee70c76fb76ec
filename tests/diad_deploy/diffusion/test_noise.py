"""Noise of a batch."""

import numpy as np
import pytest

from diad_deploy.diffusion.noise import broadcast_noise, resolve_noise, slice_noise
from diad_deploy.errors import OptionError

STORED = np.arange(4, dtype=np.float32).reshape(1, 2, 2)


def test_the_stored_noise_goes_to_every_image() -> None:
    settled = resolve_noise("noise", None, STORED, 3)
    batch = broadcast_noise(slice_noise(settled, slice(1, 3)), 2)
    assert batch.shape == (2, 1, 2, 2)
    assert batch.flags.c_contiguous
    assert all(np.array_equal(one, STORED) for one in batch)


def test_a_noise_an_image_is_shared_out_by_place() -> None:
    given = np.stack([STORED, STORED + 1, STORED + 2]).tolist()
    settled = resolve_noise("noise", given, STORED, 3)
    assert settled.dtype == np.float32
    np.testing.assert_array_equal(
        broadcast_noise(slice_noise(settled, slice(1, 3)), 2), settled[1:]
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("loud", "noise: expected an array of numbers"),
        (np.zeros((2, 1, 2, 2)), r"expected \[1, 2, 2\], or \[3, 1, 2, 2\] for these 3 images"),
        (np.full((1, 2, 2), 1e300), "expected finite float32 numbers"),
    ],
)
def test_noise_that_does_not_fit(given: object, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        resolve_noise("noise", given, STORED, 3)  # type: ignore[arg-type]
