"""What a network computes of the timestep alone, as tables with a row a timestep.

A timestep's embedding, and each residual block's projection of it, depend on neither image nor
latents. At the published size the projections are 3 % of all weights and would be read once a step
for a single row; the tables are smaller, one row of them is read, and no sinusoid is left to
overflow or round in half precision. Small models keep the projections: there they are the smaller.
"""

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn
from torch.nn.functional import embedding, silu

from diad_deploy.diffusion.schedule import TRAIN_TIMESTEPS


class TimestepTable(nn.Module):
    """Takes the place of a residual block's projection: row index `[1]` -> shift `[1, C]`."""

    rows: Tensor

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        self.register_buffer("rows", rows)

    def forward(self, index: Tensor) -> Tensor:
        """Row `index` of the table `[T, C]`."""
        return embedding(index, self.rows)


class RowIndex(nn.Module):
    """Takes the place of the embedding: timestep `[1]` -> row index `[1]`."""

    def forward(self, timestep: Tensor, condition: None = None) -> Tensor:
        """The timestep itself: there is a row for each that the model was trained on."""
        del condition  # diffusers' second argument, which DiAD has no use for
        return timestep.to(torch.int64)


def tabulate_timesteps(network: UNet2DConditionModel) -> bool:
    """Put tables in the place of a UNet's or ControlNet's projections, where they are smaller.

    Timesteps have to be whole numbers from 0 to 999 then, as those of every schedule are.

    Returns:
        Whether they were.
    """
    width = network.time_embedding.linear_2.out_features
    if width <= TRAIN_TIMESTEPS:
        return False
    device = network.time_embedding.linear_2.weight.device
    every = torch.arange(TRAIN_TIMESTEPS, dtype=torch.float32, device=device)
    activated = silu(network.time_embedding(network.time_proj(every)))
    for module in network.modules():
        if isinstance(module, ResnetBlock2D):
            module.time_emb_proj = TimestepTable(module.time_emb_proj(activated))
            # the table holds the rows after the activation
            module.skip_time_act = True
    network.time_proj = nn.Identity()
    network.time_embedding = RowIndex()
    return True
