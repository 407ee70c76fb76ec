"""The colour table ranks by lightness."""

import numpy as np

from diad_deploy.detection.colours import colour_table, opacity_table


def luminance() -> np.ndarray:
    encoded = colour_table() / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_colours_grow_lighter_all_the_way() -> None:
    assert colour_table().shape == (256, 3)
    assert np.all(np.diff(luminance()[::8]) > 0)
    assert luminance()[0] < 0.1
    assert luminance()[-1] > 0.8


def test_steps_are_small_so_that_no_edge_appears_where_there_is_none() -> None:
    assert np.abs(np.diff(colour_table().astype(int), axis=0)).max() <= 12


def test_the_low_end_is_clear_and_the_high_end_is_not() -> None:
    cover = opacity_table().astype(int)
    assert cover[:25].max() == 0
    assert cover[-1] > 190
    assert np.all(np.diff(cover) >= 0)
