"""All modules of a DiAD model."""

import torch
from torch import Tensor, nn

from diad_export.model.autoencoder import make_autoencoder
from diad_export.model.features import make_features
from diad_export.model.semantic_guided import SemanticGuidedNetwork
from diad_export.model.sizes import ModelSizes
from diad_export.model.unet import make_unet, predict_noise

CONTEXT_TOKENS = 77


class DiadModel(nn.Module):
    """Autoencoder, UNet, SG network and feature extractor, and the context of the empty prompt.

    The weights are random; `diad_export.checkpoint.weights.load_model` fills in a checkpoint's.
    """

    context: Tensor

    def __init__(self, sizes: ModelSizes, *, context_tokens: int = CONTEXT_TOKENS) -> None:
        super().__init__()
        self.sizes = sizes
        latent_channels = sizes.autoencoder.latent_channels
        self.autoencoder = make_autoencoder(sizes.autoencoder)
        self.unet = make_unet(sizes.unet, latent_channels)
        self.semantic_guided = SemanticGuidedNetwork(sizes.unet, latent_channels)
        self.features = make_features(sizes.features)
        self.register_buffer("context", torch.zeros(1, context_tokens, sizes.unet.context_width))

    def control_outputs(self, latents: Tensor, hint: Tensor, timestep: Tensor) -> list[Tensor]:
        """Outputs 0 to 12 of the SG network; see `SemanticGuidedNetwork.forward`."""
        context = self.context.expand(latents.shape[0], -1, -1)
        outputs: list[Tensor] = self.semantic_guided(latents, hint, timestep, context)
        return outputs

    def predict_noise(
        self, latents: Tensor, timestep: Tensor, control: list[Tensor], *, only_mid_control: bool
    ) -> Tensor:
        """The noise `[B, 4, h, w]` that the UNet predicts; see `diad_export.model.unet`."""
        context = self.context.expand(latents.shape[0], -1, -1)
        return predict_noise(
            self.unet, latents, timestep, context, control, only_mid_control=only_mid_control
        )
