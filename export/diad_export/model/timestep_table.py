"""Replaces what depends on the timestep alone by tables with one row per timestep.

The embedding of a timestep, and its projection in each residual block, depend on neither image nor
latents. At the published size the projections are 3 % of all weights, and each step would read them
all. The tables are smaller, a step reads one row of each, and no sinusoid is left that could
overflow or lose precision in float16. Small models keep their projections, which are smaller there.
"""

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn
from torch.nn.functional import embedding, silu

from diad_deploy.diffusion.schedule import TRAIN_TIMESTEPS


class TimestepTable(nn.Module):
    """Replaces the projection of a residual block: row index `[1]` -> shift `[1, C]`."""

    rows: Tensor

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        self.register_buffer("rows", rows)

    def forward(self, index: Tensor) -> Tensor:
        """Row `index` of the table `[T, C]`."""
        return embedding(index, self.rows)


class RowIndex(nn.Module):
    """Replaces the time embedding: timestep `[1]` -> row index `[1]`."""

    def forward(self, timestep: Tensor, condition: None = None) -> Tensor:
        """The timestep itself, as the tables have a row for each training timestep."""
        del condition  # diffusers passes a second argument, which DiAD does not use
        return timestep.to(torch.int64)


def tabulate_timesteps(network: UNet2DConditionModel) -> bool:
    """Replace the timestep projections of a UNet or ControlNet by tables where those are smaller.

    The network then takes whole timesteps from 0 to 999, as every schedule has them.

    Returns:
        Whether they were replaced.
    """
    width = network.time_embedding.linear_2.out_features
    if width <= TRAIN_TIMESTEPS:
        return False
    device = network.time_embedding.linear_2.weight.device
    timesteps = torch.arange(TRAIN_TIMESTEPS, dtype=torch.float32, device=device)
    activated = silu(network.time_embedding(network.time_proj(timesteps)))
    for module in network.modules():
        if isinstance(module, ResnetBlock2D):
            module.time_emb_proj = TimestepTable(module.time_emb_proj(activated))
            # the table's rows already include the activation
            module.skip_time_act = True
    network.time_proj = nn.Identity()
    network.time_embedding = RowIndex()
    return True
