"""The demo's training stages: feature extractor, autoencoder, and UNet with SG network.

No stage sees a defect. The networks are small versions of those of the paper, which takes its
extractor (an ImageNet ResNet-50) and autoencoder (Stable Diffusion's) pretrained.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, normalize

from diad_deploy.bundle.manifest import ImageSpec
from diad_deploy.diffusion.schedule import TRAIN_TIMESTEPS, published_alphas_cumprod
from diad_export.model.autoencoder import decode_latents, encode_moments
from diad_export.model.diad import DiadModel
from diad_export.model.features import distance_maps
from diad_export.model.sizes import LATENTS_SCALE

Images = npt.NDArray[np.uint8]

TEMPERATURE = 0.15
NEGATIVES = 96
ALIKE = 0.3
"""Cells are alike if their statistics differ by less, in units of a normalised image."""
CROP_PX = 64
CROP_UNTIL = 0.75
PERCEPTUAL_WEIGHT = 0.7
KL_WEIGHT = 1e-6
DRAWS = 4
"""Timesteps and noises for each image of a diffusion batch, which share its hint."""


class ImageSource:
    """Draws batches of normalised images from arrays of uint8 `[N, S, S, 3]`."""

    def __init__(
        self, arrays: list[Images], image: ImageSpec, device: torch.device | str = "cpu"
    ) -> None:
        self.arrays = arrays
        self.device = torch.device(device)
        self.mean = torch.tensor(image.mean, device=device).view(3, 1, 1)
        self.std = torch.tensor(image.std, device=device).view(3, 1, 1)

    def batch(self, size: int, generator: torch.Generator) -> Tensor:
        """A batch `[size, 3, S, S]` on the device, with as many images from each array."""
        picked = []
        for place in range(size):
            array = self.arrays[place % len(self.arrays)]
            picked.append(array[int(torch.randint(len(array), (), generator=generator))])
        return self.normalise(torch.from_numpy(np.stack(picked)))

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 `[B, S, S, 3]` on any device -> float32 `[B, 3, S, S]` on this one."""
        unit = images.to(self.device).permute(0, 3, 1, 2).float() / 255.0
        return ((unit - self.mean) / self.std).contiguous(memory_format=torch.channels_last)

    def as_images(self, images: Tensor) -> Images:
        """float32 `[B, 3, S, S]` -> uint8 `[B, S, S, 3]`, the inverse of `normalise`."""
        unit = (images * self.std + self.mean).clamp(0, 1)
        return (255 * unit).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def train_norms_contiguous(module: nn.Module) -> None:
    """Run group norms on contiguous maps, as their backward pass is slow on channels-last ones."""
    for norm in module.modules():
        if isinstance(norm, nn.GroupNorm):
            norm.register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(),))
            norm.register_forward_hook(_channels_last)


def _channels_last(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    del module, inputs
    return output.contiguous(memory_format=torch.channels_last) if output.ndim == 4 else output


def mixed_precision(device: torch.device) -> torch.autocast:
    """Autocast to bfloat16 where the device has it; weights and losses stay in float32."""
    slow = device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=not slow)


def normal(shape: torch.Size, generator: torch.Generator, device: torch.device) -> Tensor:
    """Standard normal numbers on `device`, seeded by a `generator` on the CPU."""
    if device.type == "cpu":
        return torch.randn(shape, generator=generator)
    seed = int(torch.randint(2**62, (), generator=generator))
    return torch.randn(shape, generator=torch.Generator(device).manual_seed(seed), device=device)


def random_rotation(images: Tensor, generator: torch.Generator) -> Tensor:
    """Rotate the batch by a random multiple of 90 degrees, and mirror it half of the time."""
    images = torch.rot90(images, int(torch.randint(4, (), generator=generator)), dims=(2, 3))
    return images.flip(3) if torch.rand((), generator=generator) < 0.5 else images


class FeatureStage:
    """Dense instance discrimination: recognise the features of a cell in a degraded view.

    The same cell in a blurred, noisy view is the positive, other cells are the negatives. The loss
    uses the cosine similarity of the anomaly map, at each of its three scales.
    """

    name = "features"

    def __init__(self, model: DiadModel, source: ImageSource) -> None:
        self.module = model.features.requires_grad_(True).to(memory_format=torch.channels_last)
        self.source = source

    def loss(self, batch: int, progress: float, generator: torch.Generator) -> Tensor:
        """Mean cross-entropy over the scales."""
        del progress
        images = random_rotation(self.source.batch(batch, generator), generator)
        view = degrade(images, generator)
        with mixed_precision(images.device):
            left, right = self.module(images), self.module(view)
        losses = [
            cell_contrastive_loss(a.float(), b.float(), generator)
            for a, b in zip(left, right, strict=True)
        ]
        return torch.stack(losses).mean()


def degrade(images: Tensor, generator: torch.Generator) -> Tensor:
    """A view like an autoencoder's output: softened, with some noise and another brightness."""
    per_image = (images.shape[0], 1, 1, 1)
    softness = torch.rand(per_image, generator=generator).to(images.device)
    small = nn.functional.interpolate(images, scale_factor=0.5, mode="area")
    soft = nn.functional.interpolate(small, scale_factor=2.0, mode="bilinear", align_corners=False)
    noise = 0.1 * normal(images.shape, generator, images.device)
    light = 1.0 + 0.1 * (torch.rand(per_image, generator=generator).to(images.device) - 0.5)
    return light * torch.lerp(images, soft, softness) + noise


def cell_contrastive_loss(
    left: Tensor, right: Tensor, generator: torch.Generator, statistics: Tensor | None = None
) -> Tensor:
    """InfoNCE over cells of two maps `[B, C, h, w]`, with cosine similarity.

    Cells whose `statistics` `[B, K, h, w]` are alike are not negatives of each other.
    """
    cells = left.shape[0] * left.shape[2] * left.shape[3]
    picked = torch.randint(cells, (min(cells, 8 * NEGATIVES),), generator=generator).unique()
    picked = picked.to(left.device)
    a = normalize(_cells(left)[picked], dim=1)
    b = normalize(_cells(right)[picked], dim=1)
    similarity = a @ b.T / TEMPERATURE
    if statistics is not None:
        described = _cells(statistics)[picked]
        alike = torch.cdist(described, described) < ALIKE
        similarity = similarity.masked_fill(alike.fill_diagonal_(False), float("-inf"))
    return cross_entropy(similarity, torch.arange(len(picked), device=left.device))


def _cells(maps: Tensor) -> Tensor:
    """`[B, C, h, w]` -> `[B * h * w, C]`."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)


class AutoencoderStage:
    """The autoencoder: absolute error, the extractor's distance, and a small KL term."""

    name = "autoencoder"

    def __init__(self, model: DiadModel, source: ImageSource) -> None:
        self.module = model.autoencoder.to(memory_format=torch.channels_last)
        train_norms_contiguous(self.module)
        self.features = model.features.eval().requires_grad_(False)
        self.source = source

    def loss(self, batch: int, progress: float, generator: torch.Generator) -> Tensor:
        """The loss on crops, and on fewer but whole images towards the end."""
        if progress < CROP_UNTIL:
            images = random_crop(self.source.batch(batch, generator), generator)
        else:
            images = self.source.batch(max(1, batch // 3), generator)
        with mixed_precision(images.device):
            mean, log_variance = encode_moments(self.module, images)
            noise = normal(mean.shape, generator, mean.device)
            sampled = mean + torch.exp(log_variance / 2) * noise
            decoded = decode_latents(self.module, LATENTS_SCALE * sampled)
            distances = distance_maps(self.features, images, decoded)
        perceptual = torch.stack([d.float().mean() for d in distances]).mean()
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).float().mean()
        pixels = (decoded.float() - images).abs().mean()
        return pixels + PERCEPTUAL_WEIGHT * perceptual + KL_WEIGHT * divergence


def random_crop(images: Tensor, generator: torch.Generator) -> Tensor:
    """A random window of `CROP_PX` pixels, the same for the whole batch, rotated."""
    margin = images.shape[-1] - CROP_PX
    if margin <= 0:
        return images
    top, left = (int(v) for v in torch.randint(margin + 1, (2,), generator=generator))
    window = images[:, :, top : top + CROP_PX, left : left + CROP_PX]
    return random_rotation(window, generator).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def standardise_latents(model: DiadModel, images: Tensor) -> None:
    """Fold a shift and scale into the autoencoder so that scaled latents have mean 0 and std 1.

    Stable Diffusion's factor 0.18215 does this for its own autoencoder. Reconstructions do not
    change.
    """
    autoencoder = model.autoencoder
    mean, _ = encode_moments(autoencoder, images)
    centre = mean.mean(dim=(0, 2, 3))
    scale = 1.0 / (LATENTS_SCALE * mean.std(dim=(0, 2, 3)))
    channels = len(centre)
    quant, post = autoencoder.quant_conv, autoencoder.post_quant_conv
    post.bias += post.weight.flatten(1) @ centre
    post.weight /= scale.view(1, -1, 1, 1)
    quant.weight[:channels] *= scale.view(-1, 1, 1, 1)
    quant.bias[:channels] = (quant.bias[:channels] - centre) * scale
    quant.bias[channels:] += 2 * scale.log()


class DiffusionStage:
    """The published objective: squared error of the noise, uniform timesteps, the image as hint."""

    name = "diffusion"

    def __init__(self, model: DiadModel, source: ImageSource, latents: Tensor) -> None:
        """`latents`: scaled posterior means `[N, 4, h, w]` of the only array of `source`.

        They are moved to the device of `source`.
        """
        self.model = model
        self.module = nn.ModuleList([model.unet, model.semantic_guided]).to(
            memory_format=torch.channels_last
        )
        train_norms_contiguous(self.module)
        self.source, self.latents = source, latents.to(source.device)
        self.products = torch.from_numpy(published_alphas_cumprod()).float().to(source.device)

    def loss(self, batch: int, progress: float, generator: torch.Generator) -> Tensor:
        """Mean squared error of the predicted noise."""
        del progress
        [stored] = self.source.arrays
        picked = torch.randint(len(stored), (batch,), generator=generator)
        images = self.source.normalise(torch.from_numpy(stored[picked.numpy()]))
        latents = self.latents[picked.to(images.device)].repeat_interleave(DRAWS, dim=0)
        times = stratified_timesteps(batch, generator).to(images.device)
        noise = normal(latents.shape, generator, images.device)
        product = self.products[times].view(-1, 1, 1, 1)
        noised = product.sqrt() * latents + (1 - product).sqrt() * noise
        with mixed_precision(images.device):
            hint = self.model.semantic_guided.hint_features(images)
            hint = hint.repeat_interleave(DRAWS, dim=0)
            control = self.model.control_outputs(noised, hint, times)
            predicted = self.model.predict_noise(noised, times, control, only_mid_control=True)
        return mse_loss(predicted.float(), noise)


def stratified_timesteps(images: int, generator: torch.Generator) -> Tensor:
    """`DRAWS` timesteps per image, `[images * DRAWS]`: one in each quarter, so uniform together."""
    within = torch.rand((images, DRAWS), generator=generator)
    shares = (torch.arange(DRAWS) + within) / DRAWS
    return (shares * TRAIN_TIMESTEPS).long().clamp(max=TRAIN_TIMESTEPS - 1).flatten()


def initialise_zero_convolutions(model: DiadModel, generator: torch.Generator) -> None:
    """Give the SG network's zero convolutions and hint small random weights.

    Zeros protect a pretrained UNet from untrained control. Here nothing is pretrained, and zeros
    would only cost steps.
    """
    control = model.semantic_guided.control
    convolutions = [
        *control.controlnet_down_blocks,
        control.controlnet_mid_block,
        control.controlnet_cond_embedding.conv_out,
    ]
    with torch.no_grad():
        for convolution in convolutions:
            scale = convolution.weight[0].numel() ** -0.5
            convolution.weight.copy_(
                scale * torch.randn(convolution.weight.shape, generator=generator)
            )
