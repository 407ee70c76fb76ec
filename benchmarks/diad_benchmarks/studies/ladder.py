"""The savings one by one, from the published order of work to that of the graphs.

Each rung counts the work for one image on meta tensors, so that the full size needs no memory, and
includes the savings of the rungs above it.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from diad_benchmarks.studies.torch_work import Work, count_torch_work
from diad_deploy.diffusion.schedule import make_schedule
from diad_export.build import fusion_spec
from diad_export.checkpoint.empty_prompt import CLIP_HEAD_WIDTH
from diad_export.model.autoencoder import decode_latents, encode_moments
from diad_export.model.constant_context import fix_context
from diad_export.model.denoiser import DenoiserGraph
from diad_export.model.diad import CONTEXT_TOKENS, DiadModel
from diad_export.model.features import distance_maps
from diad_export.model.fusion import resize_sum
from diad_export.model.reference import PUBLISHED_GUIDANCE_SCALE
from diad_export.model.sizes import LATENTS_FACTOR, ModelSizes
from diad_export.model.timestep_table import tabulate_timesteps
from diad_export.onnx.components import image_spec, make_components
from diad_export.options import ResolvedOptions

CLIP_LAYERS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """The work for one image after `left_out` was also left out."""

    left_out: str
    work: Work


@dataclass(frozen=True, slots=True, kw_only=True)
class _Image:
    """The inputs of one image, on the meta device."""

    image: Tensor
    noise: Tensor
    steps: int

    @property
    def timestep(self) -> Tensor:
        return torch.ones(1, device="meta")


def climb(sizes: ModelSizes, settings: ResolvedOptions) -> Iterator[Rung]:
    """The rungs for a model of these sizes with `only_mid_control`, the published order first.

    SciPy's smoothing and the score's pooling are not counted: only the last rung multiplies
    matrices there.
    """
    size_px = settings.image_size_px
    side = size_px // LATENTS_FACTOR
    with torch.device("meta"):
        model = DiadModel(sizes).requires_grad_(False)
        text = CLIPTextModel(_clip(sizes.unet.context_width)).requires_grad_(False)
        text.train(mode=False)
        image = _Image(
            image=torch.empty(1, 3, size_px, size_px),
            noise=torch.empty(1, sizes.autoencoder.latent_channels, side, side),
            steps=settings.steps,
        )

    def rung(left_out: str, module: nn.Module, run: Callable[[], object]) -> Rung:
        return Rung(left_out=left_out, work=count_torch_work(module, run))

    both = nn.ModuleDict({"model": model, "text": text})
    for left_out, sides, decodes in (
        ("nothing: the published order of work", 2, 2),
        ("decoding the un-noised latents, which are not scored", 2, 1),
        ("guidance", 1, 1),
    ):
        run = partial(_published, model, image, text=text, sides=sides, decodes=decodes)
        yield rung(left_out, both, run)
    constant = copy.deepcopy(model)
    for network in (constant.unet, constant.semantic_guided):
        fix_context(network, constant.context)
    yield rung("the text model, keys, values", constant, partial(_published, constant, image))
    tabled = copy.deepcopy(constant)
    tabulate_timesteps(tabled.unet)
    tabulate_timesteps(tabled.semantic_guided.control)
    yield rung("what the timestep decides", tabled, partial(_published, tabled, image))
    yield rung(
        "the hint, after the first step",
        tabled,
        lambda: _published(tabled, image, hint=tabled.semantic_guided.hint_features(image.image)),
    )
    lean = DenoiserGraph(model, only_mid_control=True)
    held = nn.ModuleDict({"model": model, "lean": lean})
    yield rung(
        "control outputs that are not used",
        held,
        partial(_without_dead_control, model, lean, image),
    )
    graphs = _four_modules(model, settings)
    yield rung(
        "resizing and filters: the four graphs", graphs, partial(_as_exported, graphs, image)
    )


def _published(
    model: DiadModel,
    image: _Image,
    *,
    text: nn.Module | None = None,
    sides: int = 1,
    decodes: int = 1,
    hint: Tensor | None = None,
) -> None:
    """The reference, with both sides of guidance if `sides` is 2."""
    if text is not None:
        for _ in range(sides):
            text(input_ids=torch.zeros(1, CONTEXT_TOKENS, dtype=torch.int64, device="meta"))
    latents = _encode(model, image)
    for _ in range(image.steps):
        predicted = [_predict(model, image, latents, hint) for _ in range(sides)]
        noise = predicted[0]
        if sides > 1:
            noise = predicted[1] + PUBLISHED_GUIDANCE_SCALE * (predicted[0] - predicted[1])
        latents = latents * 0.5 + noise * 0.5
    for _ in range(decodes):
        reconstruction = decode_latents(model.autoencoder, latents)
    _compare(model, image, reconstruction)


def _encode(model: DiadModel, image: _Image) -> Tensor:
    mean, log_variance = encode_moments(model.autoencoder, image.image)
    return 0.5 * (mean + torch.exp(log_variance / 2) * image.noise) + 0.5 * image.noise


def _predict(model: DiadModel, image: _Image, latents: Tensor, hint: Tensor | None) -> Tensor:
    seen = model.semantic_guided.hint_features(image.image) if hint is None else hint
    control = model.control_outputs(latents, seen, image.timestep)
    return model.predict_noise(latents, image.timestep, control, only_mid_control=True)


def _compare(model: DiadModel, image: _Image, reconstruction: Tensor) -> None:
    distances = distance_maps(model.features, image.image, reconstruction)
    resize_sum(distances, image.image.shape[-1])


def _without_dead_control(model: DiadModel, lean: DenoiserGraph, image: _Image) -> None:
    latents, hint = _encode(model, image), model.semantic_guided.hint_features(image.image)
    latents = _denoise(lean, latents, hint, image)
    _compare(model, image, decode_latents(model.autoencoder, latents))


def _denoise(denoiser: nn.Module, latents: Tensor, hint: Tensor, image: _Image) -> Tensor:
    scale = torch.ones(1, device="meta")
    for _ in range(image.steps):
        latents = denoiser(latents, hint, image.timestep, scale, scale)
    return latents


def _four_modules(model: DiadModel, settings: ResolvedOptions) -> nn.ModuleDict:
    components = make_components(
        model,
        image=image_spec(settings.image_size_px),
        schedule=make_schedule(settings.steps),
        fusion=fusion_spec(model, settings),
        only_mid_control=True,
    )
    return nn.ModuleDict({part.name: part.module for part in components}).to("meta")


def _as_exported(graphs: nn.ModuleDict, image: _Image) -> None:
    latents, hint = graphs["encoder"](image.image, image.noise, image.noise)
    latents = _denoise(graphs["denoiser"], latents, hint, image)
    graphs["scorer"](image.image, graphs["decoder"](latents))


def _clip(width: int) -> CLIPTextConfig:
    """Stable Diffusion 1.x's text model with this width."""
    return CLIPTextConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=CLIP_LAYERS,
        num_attention_heads=max(1, width // CLIP_HEAD_WIDTH),
        hidden_act="quick_gelu",
    )
