"""A model with random weights, for measurements that depend on the size alone."""

import torch

from diad_export.model.diad import DiadModel
from diad_export.model.sizes import ModelSizes


def make_standin(sizes: ModelSizes, *, seed: int = 0) -> DiadModel:
    """An untrained model, in which zero convolutions are not zero."""
    torch.manual_seed(seed)
    with torch.device("meta"):
        model = DiadModel(sizes)
    model = model.to_empty(device="cpu").eval().requires_grad_(False)
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            tensor.zero_()
        elif tensor.ndim >= 2 and name != "context":
            tensor.normal_(std=tensor[0].numel() ** -0.5)
        elif name.endswith(("weight", "running_var")):
            tensor.fill_(1.0)
        else:
            tensor.normal_(std=0.02)
    model.context.normal_()
    return model
