"""The feature extractor: a timm network whose feature maps of two images are compared."""

import timm
import torch
from torch import Tensor, nn

from diad_export.model.sizes import FeatureSizes


def make_features(sizes: FeatureSizes, *, pretrained: bool = False) -> nn.Module:
    """A frozen timm network that returns the maps at `out_indices`."""
    network: nn.Module = timm.create_model(
        sizes.name, pretrained=pretrained, features_only=True, out_indices=sizes.out_indices
    )
    return network.eval().requires_grad_(False)


def cosine_distance(left: Tensor, right: Tensor) -> Tensor:
    """1 - cosine similarity over channels: two `[B, C, h, w]` -> `[B, 1, h, w]`."""
    return 1.0 - torch.cosine_similarity(left, right, dim=1).unsqueeze(1)


def distance_maps(network: nn.Module, image: Tensor, reconstruction: Tensor) -> list[Tensor]:
    """A distance map `[B, 1, h_i, w_i]` for each scale, fine to coarse."""
    return [
        cosine_distance(left, right)
        for left, right in zip(network(image), network(reconstruction), strict=True)
    ]
