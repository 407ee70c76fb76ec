"""Resizing, smoothing and pooling as constant matrices compute as published."""

import numpy as np
import pytest
import torch

from diad_export.model.fusion import (
    fusion_matrix,
    pooled_maximum,
    pooling_matrix,
    resize_sum,
    smooth,
)
from diad_export.onnx.components import apply_to_both_axes
from tests.golden_case import TINY_A


def maps_by_matrices(distances: list[torch.Tensor], size_px: int, sigma_px: float) -> torch.Tensor:
    spread_maps = [
        apply_to_both_axes(
            torch.from_numpy(fusion_matrix(d.shape[-1], size_px, sigma_px)).float(), d
        )
        for d in distances
    ]
    return torch.stack(spread_maps).sum(dim=0)


def test_matrices_give_the_recorded_map_and_score() -> None:
    recorded = TINY_A.arrays()
    distances = [torch.from_numpy(recorded[f"distance_layer{i}"]) for i in (1, 2, 3)]
    anomaly_map = maps_by_matrices(distances, 128, 5.0)
    pooling = torch.from_numpy(pooling_matrix(128, 8, 8)).float()
    assert np.abs(anomaly_map.numpy() - recorded["anomaly_map"]).max() < 1e-6
    score = apply_to_both_axes(pooling, anomaly_map).amax(dim=(1, 2)).numpy()
    assert np.abs(score - recorded["image_score"]).max() < 1e-6


@pytest.mark.parametrize(
    ("sides", "size_px", "sigma_px", "pool"),
    [((16, 8, 4), 64, 2.0, (4, 4)), ((8, 4, 2), 32, 0.7, (3, 2)), ((1,), 32, 20.0, (1, 5))],
)
def test_matrices_compute_as_published(
    sides: tuple[int, ...], size_px: int, sigma_px: float, pool: tuple[int, int]
) -> None:
    generator = torch.Generator().manual_seed(3)
    distances = [torch.rand((2, side, side), generator=generator) for side in sides]
    published = smooth(resize_sum([d.unsqueeze(1) for d in distances], size_px), sigma_px)
    by_matrices = maps_by_matrices(distances, size_px, sigma_px)
    assert torch.allclose(by_matrices, published, atol=1e-6)
    pooled = apply_to_both_axes(torch.from_numpy(pooling_matrix(size_px, *pool)).float(), published)
    expected = pooled_maximum(published, *pool)
    assert torch.allclose(pooled.amax(dim=(1, 2)), expected, atol=1e-6)


def test_another_sigma_is_detected() -> None:
    distances = [torch.rand((1, 8, 8), generator=torch.Generator().manual_seed(0))]
    one, other = maps_by_matrices(distances, 32, 2.0), maps_by_matrices(distances, 32, 2.2)
    assert not torch.allclose(one, other, atol=1e-4)
