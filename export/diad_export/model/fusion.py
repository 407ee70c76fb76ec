"""From distance maps to the anomaly map and the image score.

`resize_sum`, `smooth` and `pooled_maximum` compute as published. `fusion_matrix` and
`pooling_matrix` express the same as constant matrices: resizing, smoothing and pooling are linear
and separable, so each is `A D A^T`, and a graph needs neither a resize nor SciPy.
"""

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

TRUNCATE_SIGMAS = 4.0


def resize_sum(distances: list[Tensor], size_px: int) -> Tensor:
    """The sum `[B, S, S]` of distance maps `[B, 1, h_i, w_i]`, resized with aligned corners."""
    resized = [
        interpolate(d, size=(size_px, size_px), mode="bilinear", align_corners=True)
        for d in distances
    ]
    return torch.stack(resized).sum(dim=0).squeeze(1)


def smooth(raw_map: Tensor, sigma_px: float) -> Tensor:
    """Each map of `[B, S, S]` smoothed by SciPy's Gaussian filter, which reflects at edges."""
    maps = [gaussian_filter(m, sigma=sigma_px) for m in raw_map.detach().cpu().float().numpy()]
    return torch.from_numpy(np.stack(maps))


def pooled_maximum(anomaly_map: Tensor, pool_size_px: int, pool_count: int) -> Tensor:
    """The maxima `[B]` of maps `[B, S, S]` after `pool_count` average pools with stride 1."""
    pooled = anomaly_map.unsqueeze(1)
    for _ in range(pool_count):
        pooled = avg_pool2d(pooled, pool_size_px, stride=1)
    return pooled.amax(dim=(1, 2, 3))


def fusion_matrix(side: int, size_px: int, sigma_px: float) -> npt.NDArray[np.float64]:
    """The matrix `[size_px, side]` that resizes to `size_px` and then smooths along one axis."""
    resize = np.zeros((size_px, side))
    position = np.linspace(0.0, side - 1.0, size_px)
    lower = np.minimum(position.astype(int), max(side - 2, 0))
    upper = np.minimum(lower + 1, side - 1)
    weight = position - lower
    rows = np.arange(size_px)
    np.add.at(resize, (rows, lower), 1.0 - weight)
    np.add.at(resize, (rows, upper), weight)
    smoothing = gaussian_filter1d(
        np.eye(size_px), sigma_px, axis=0, mode="reflect", truncate=TRUNCATE_SIGMAS
    )
    return np.asarray(smoothing @ resize)


def pooling_matrix(size_px: int, pool_size_px: int, pool_count: int) -> npt.NDArray[np.float64]:
    """The matrix `[size_px - count * (pool - 1), size_px]` of all average pools along one axis."""
    matrix = np.eye(size_px)
    for _ in range(pool_count):
        rows = matrix.shape[0] - pool_size_px + 1
        matrix = np.stack([matrix[r : r + pool_size_px].mean(axis=0) for r in range(rows)])
    return matrix
