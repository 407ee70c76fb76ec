"""The project's graphs in every form that a build writes."""

from collections.abc import Callable
from pathlib import Path

import torch

from diad_deploy.bundle.folder import Bundle, builtin_bundle
from diad_export.build import build
from diad_export.checkpoint.weights import save_checkpoint
from diad_export.model.diad import DiadModel
from diad_export.model.sizes import AutoencoderSizes, FeatureSizes, ModelSizes, UnetSizes
from diad_export.options import BuildOptions, Recommended

CHECKPOINT = Path(__file__).parents[2] / "demo" / "checkpoint.safetensors"

WIDE = ModelSizes(
    unet=UnetSizes(channels=(256, 256), context_width=32, attention_levels=(True, False)),
    autoencoder=AutoencoderSizes(channels=(32, 32, 32, 32), res_blocks=1),
    features=FeatureSizes(name="resnet10t"),
)
"""Wide enough for parts of the published size that the demo lacks: tables of timesteps, and
cross-attention folded to two products."""


def _demo(options: BuildOptions) -> Callable[[Path], Bundle]:
    return lambda folder: build(CHECKPOINT, folder / "bundle", options)


def _wide(options: BuildOptions) -> Callable[[Path], Bundle]:
    def make(folder: Path) -> Bundle:
        torch.manual_seed(0)
        model = DiadModel(WIDE, context_tokens=4).eval().requires_grad_(False)
        recommended = Recommended(
            extractor="resnet10t", image_size_px=64, steps=2, pool_size_px=3, pool_count=2
        )
        checkpoint = folder / "wide.safetensors"
        save_checkpoint(model, checkpoint, recommended)
        return build(checkpoint, folder / "bundle", options)

    return make


FORMS: dict[str, Callable[[Path], Bundle]] = {
    "fp32": lambda folder: Bundle.open(builtin_bundle()),
    "fp16": _demo(BuildOptions(precision="fp16")),
    "Winograd": _demo(BuildOptions(convolutions="winograd")),
    "fp32, wide": _wide(BuildOptions()),
    "fp16, wide": _wide(BuildOptions(precision="fp16")),
}
"""Writes each form into an empty folder."""


def graph_files(bundle: Bundle) -> dict[str, Path]:
    """The bundle's graphs by name."""
    return {graph.name: bundle.file(graph.file) for graph in bundle.manifest.graphs}
