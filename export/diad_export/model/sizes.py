"""Sizes of a DiAD model: widths and depths of its networks.

What the shapes of a checkpoint do not show (attention heads, groups of a norm, downsampling of the
hint) is the same in every model of the published code, and is a constant here.
"""

from dataclasses import asdict, dataclass
from typing import Any

from diad_deploy.errors import OptionError

HEADS = 8
NORM_GROUPS = 32
LATENTS_SCALE = 0.18215
LATENTS_FACTOR = 8
HINT_CHANNELS = (16, 32, 96, 256)
SFF_LEVEL_OUTPUTS = 3
"""SFF fuses the three outputs of the second-to-last level into the three of the last level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnetSizes:
    """Sizes of the UNet and the SG network; `channels` of each level, shallow to deep.

    The first is `model_channels` of the published code, which also sets the width of the time
    embedding.
    """

    channels: tuple[int, ...]
    res_blocks: int = 2
    context_width: int = 768
    attention_levels: tuple[bool, ...] = (True, True, True, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoencoderSizes:
    """Sizes of the autoencoder; `channels` of its four levels, shallow to deep."""

    channels: tuple[int, ...]
    res_blocks: int = 2
    latent_channels: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSizes:
    """The timm network that extracts features, and which of its stages are compared."""

    name: str
    out_indices: tuple[int, ...] = (1, 2, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSizes:
    """All sizes that are needed to build the modules.

    Raises:
        OptionError: names every size that does not fit.
    """

    unet: UnetSizes
    autoencoder: AutoencoderSizes
    features: FeatureSizes

    def __post_init__(self) -> None:
        faults = list(_faults(self))
        if faults:
            raise OptionError("these sizes do not make a DiAD model: " + "; ".join(faults))

    def as_dict(self) -> dict[str, Any]:
        """Nested dictionaries, for the manifest."""
        return asdict(self)


def _faults(sizes: ModelSizes) -> list[str]:
    faults = []
    for name, channels in (
        ("UNet", sizes.unet.channels),
        ("autoencoder", sizes.autoencoder.channels),
    ):
        odd = [c for c in channels if c % NORM_GROUPS]
        if odd:
            faults.append(f"{name} channels {odd} are not multiples of {NORM_GROUPS}")
    if len(sizes.unet.attention_levels) != len(sizes.unet.channels):
        faults.append(
            f"{len(sizes.unet.channels)} UNet levels but "
            f"{len(sizes.unet.attention_levels)} attention levels"
        )
    if len(sizes.unet.channels) < 2:
        faults.append("SFF needs at least 2 UNet levels")
    if sizes.unet.res_blocks + 1 != SFF_LEVEL_OUTPUTS:
        faults.append(f"SFF needs 2 residual blocks per level, found {sizes.unet.res_blocks}")
    if 2 ** (len(sizes.autoencoder.channels) - 1) != LATENTS_FACTOR:
        faults.append(
            f"the autoencoder needs 4 levels for a factor of {LATENTS_FACTOR}, "
            f"found {len(sizes.autoencoder.channels)}"
        )
    return faults


PUBLISHED = ModelSizes(
    unet=UnetSizes(channels=(320, 640, 1280, 1280)),
    autoencoder=AutoencoderSizes(channels=(128, 256, 512, 512)),
    features=FeatureSizes(name="resnet50"),
)
"""The sizes of the paper: Stable Diffusion 1.x with a ResNet-50."""


def check_image_size(size_px: int, unet: UnetSizes) -> None:
    """Check that every level can halve its maps, and that the deepest map is at least 2 x 2.

    Raises:
        OptionError: names the multiple that is needed and the nearest sizes that fit.
    """
    multiple = LATENTS_FACTOR * 2 ** (len(unet.channels) - 1)
    if size_px >= 2 * multiple and size_px % multiple == 0:
        return
    below = max(2 * multiple, size_px // multiple * multiple)
    near = f"{below}" if size_px < 2 * multiple else f"{below} or {below + multiple}"
    raise OptionError(
        f"--image-size {size_px}: this model takes multiples of {multiple} px from "
        f"{2 * multiple} px (its deepest map must be at least 2x2); take {near}"
    )
