"""The autoencoder of Stable Diffusion: image <-> latents."""

from diffusers import AutoencoderKL
from torch import Tensor

from diad_export.model.sizes import LATENTS_SCALE, NORM_GROUPS, AutoencoderSizes


def make_autoencoder(sizes: AutoencoderSizes) -> AutoencoderKL:
    """An autoencoder of these sizes with random weights."""
    levels = len(sizes.channels)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=sizes.channels,
        layers_per_block=sizes.res_blocks,
        latent_channels=sizes.latent_channels,
        norm_num_groups=NORM_GROUPS,
        scaling_factor=LATENTS_SCALE,
    )


def encode_moments(autoencoder: AutoencoderKL, image: Tensor) -> tuple[Tensor, Tensor]:
    """Posterior mean and log variance (clamped to -30..20) of an image `[B, 3, S, S]`.

    Each is `[B, 4, S/8, S/8]`.
    """
    moments = autoencoder.quant_conv(autoencoder.encoder(image))
    mean, log_variance = moments.chunk(2, dim=1)
    return mean, log_variance.clamp(-30.0, 20.0)


def decode_latents(autoencoder: AutoencoderKL, latents: Tensor) -> Tensor:
    """Reconstruction `[B, 3, S, S]` of scaled latents `[B, 4, S/8, S/8]`; it is not clamped."""
    image: Tensor = autoencoder.decoder(autoencoder.post_quant_conv(latents / LATENTS_SCALE))
    return image
