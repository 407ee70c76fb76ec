"""Winograd's minimal filtering: m x m results of a 3 x 3 filter from (m + 2)² products.

A plain convolution takes 9 m². The matrices are those of Lavin and Gray, "Fast Algorithms for
Convolutional Neural Networks" (2015).
"""

from dataclasses import dataclass

import numpy as np

from diad_deploy.arrays import FloatArray

KERNEL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """The matrices of F(m x m, 3 x 3).

    In one dimension, a filter `g` of 3 numbers gives m results from n = m + 2 inputs `d` as
    `gather @ ((filter @ g) * (read @ d))`.

    Attributes:
        results: m, the results along a side of the tile.
        read: `[n, n]`, B transposed.
        filter: `[n, 3]`, G.
        gather: `[m, n]`, A transposed.
    """

    results: int
    read: tuple[tuple[float, ...], ...]
    filter: tuple[tuple[float, ...], ...]
    gather: tuple[tuple[float, ...], ...]

    @property
    def products(self) -> int:
        """Products for each tile and pair of channels: n²."""
        return (self.results + KERNEL - 1) ** 2

    def read_kernel(self) -> FloatArray:
        """The filters `[n², 1, n, n]` that turn a tile's n x n inputs into its n² factors."""
        side = self.results + KERNEL - 1
        return _along_both_axes(self.read).reshape(self.products, 1, side, side)

    def filter_factors(self, weight: FloatArray) -> FloatArray:
        """Filters `[K, C, 3, 3]` -> their factors `[n², K, C]`, computed in float64."""
        filters, channels, *_ = weight.shape
        exact = np.asarray(self.filter, dtype=np.float64)
        flat = weight.reshape(filters * channels, KERNEL**2).T
        made = np.kron(exact, exact) @ flat.astype(np.float64)
        return made.astype(np.float32).reshape(self.products, filters, channels)

    def gather_kernel(self) -> FloatArray:
        """Filters `[n², 1, m, m]` of a transposed convolution from n² products to m x m results."""
        side = self.results
        return np.ascontiguousarray(_along_both_axes(self.gather).T).reshape(
            self.products, 1, side, side
        )


def _along_both_axes(matrix: tuple[tuple[float, ...], ...]) -> FloatArray:
    """The matrix that applies `matrix` to the columns and rows of a flattened square."""
    exact = np.asarray(matrix, dtype=np.float64)
    return np.kron(exact, exact).astype(np.float32)


SINGLE = Tile(
    results=1,
    read=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    filter=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    gather=((1, 1, 1),),
)
"""As many products, 9 for 9, but of all cells together: the weights are read from memory once."""

SMALL = Tile(
    results=2,
    read=((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
    filter=((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1)),
    gather=((1, 1, 1, 0), (0, 1, -1, -1)),
)
"""16 products for 36."""

LARGE = Tile(
    results=4,
    read=(
        (4, 0, -5, 0, 1, 0),
        (0, -4, -4, 1, 1, 0),
        (0, 4, -4, -1, 1, 0),
        (0, -2, -1, 2, 1, 0),
        (0, 2, -1, -2, 1, 0),
        (0, 4, 0, -5, 0, 1),
    ),
    filter=(
        (1 / 4, 0, 0),
        (-1 / 6, -1 / 6, -1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6),
        (0, 0, 1),
    ),
    gather=((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1)),
)
"""36 products for 144."""


MAX_CELLS_SINGLE = 16
CHANNELS_LARGE = 128
CHANNELS_SMALL = 512
"""Measured on two cores of a CPU with AVX-512; see docs/performance.md."""


def choose_tile(channels: tuple[int, int], sides: tuple[int, int], stride: int) -> Tile | None:
    """The fastest tile on a CPU; None where the plain convolution is faster.

    With few channels, the tiles' transforms cost more than the products they save. On small maps,
    reading n² factors for 9 weights does.

    Args:
        channels: input and output channels.
        sides: height and width of the result, in cells.
        stride: along both axes, in cells.
    """
    fewest, shortest = min(channels), min(sides)
    if fewest >= CHANNELS_SMALL and sides[0] * sides[1] <= MAX_CELLS_SINGLE and stride in (1, 2):
        return SINGLE
    if stride != 1:
        return None
    if fewest >= CHANNELS_LARGE and shortest >= 16 and not any(side % 4 for side in sides):
        return LARGE
    if fewest >= CHANNELS_SMALL and shortest >= 8 and not any(side % 2 for side in sides):
        return SMALL
    return None
