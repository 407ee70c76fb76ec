"""The heatmap: one scale, and good parts stay the photograph."""

import numpy as np
import pytest

from diad_deploy.detection.colours import colour_table, opacity_table
from diad_deploy.detection.heatmap import draw_heatmap, map_levels


def image(height: int = 6, width: int = 10) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_below_the_scale_the_image_is_untouched() -> None:
    flat = np.full((6, 10), -3.0, np.float32)
    np.testing.assert_array_equal(np.asarray(draw_heatmap(image(), flat, (0.0, 1.0))), image())


def test_each_point_is_its_levels_colour_over_the_image() -> None:
    values = np.linspace(-0.2, 1.2, 60, dtype=np.float32).reshape(6, 10)
    levels = map_levels(values, (0.0, 1.0))
    cover = opacity_table()[levels][..., None] / 255
    expected = image() * (1 - cover) + colour_table()[levels] * cover
    drawn = np.asarray(draw_heatmap(image(), values, (0.0, 1.0)))
    np.testing.assert_allclose(drawn, expected, atol=1)


def test_the_scale_is_fixed_and_not_the_images_own() -> None:
    values = np.array([[0.0, 0.1, 0.25, 0.5]], np.float32)
    assert map_levels(values, (0.0, 1.0)).tolist() == [[0, 26, 64, 128]]
    assert map_levels(values, (0.0, 0.5)).tolist() == [[0, 51, 128, 255]]
    assert map_levels(values, (-0.5, 0.5)).tolist() == [[128, 153, 191, 255]]


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 3)])
def test_any_size(size: tuple[int, int]) -> None:
    drawn = draw_heatmap(image(*size), np.ones(size, np.float32), (0.0, 1.0))
    assert (drawn.height, drawn.width) == size


def test_the_map_is_left_as_it_was() -> None:
    values = np.full((2, 2), 0.5, np.float32)
    map_levels(values, (0.0, 2.0))
    assert values.tolist() == [[0.5, 0.5], [0.5, 0.5]]
