"""Each tile computes what the filter does, and the fastest tile is chosen."""

import numpy as np
import pytest

from diad_export.onnx.winograd_tiles import LARGE, SINGLE, SMALL, Tile, choose_tile


@pytest.mark.parametrize("tile", [SINGLE, SMALL, LARGE])
def test_a_tile_of_results(tile: Tile) -> None:
    rng = np.random.default_rng(0)
    side = tile.results + 2
    image, weight = rng.normal(size=(side, side)), rng.normal(size=(1, 1, 3, 3))
    factors = tile.read_kernel().reshape(tile.products, side**2) @ image.reshape(side**2)
    products = factors * tile.filter_factors(weight.astype(np.float32))[:, 0, 0]
    found = products @ tile.gather_kernel().reshape(tile.products, tile.results**2)
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
    wanted = np.einsum("ijkl,kl->ij", windows, weight[0, 0]).reshape(-1)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def test_products_are_fewer() -> None:
    assert [tile.products / tile.results**2 for tile in (SINGLE, SMALL, LARGE)] == [9, 4, 2.25]


def test_factors_of_every_pair_of_channels() -> None:
    weight = np.random.default_rng(0).normal(size=(3, 5, 3, 3)).astype(np.float32)
    factors = LARGE.filter_factors(weight)
    assert factors.shape == (36, 3, 5)
    alone = LARGE.filter_factors(weight[1:2, 4:5])
    np.testing.assert_allclose(factors[:, 1, 4], alone[:, 0, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("channels", "sides", "stride", "tile"),
    [
        ((320, 320), (32, 32), 1, LARGE),
        ((128, 128), (256, 256), 1, LARGE),
        ((128, 64), (256, 256), 1, None),
        ((4, 320), (32, 32), 1, None),
        ((320, 320), (18, 18), 1, None),
        ((1280, 1280), (8, 8), 1, SMALL),
        ((320, 320), (8, 8), 1, None),
        ((1280, 1280), (7, 7), 1, None),
        ((1280, 1280), (4, 4), 1, SINGLE),
        ((1280, 1280), (4, 4), 2, SINGLE),
        ((1280, 1280), (3, 5), 1, SINGLE),
        ((1280, 1280), (8, 8), 2, None),
        ((1280, 1280), (4, 4), 3, None),
    ],
)
def test_the_tile_of_a_convolution(
    channels: tuple[int, int], sides: tuple[int, int], stride: int, tile: Tile | None
) -> None:
    assert choose_tile(channels, sides, stride) is tile
