"""Sizes are read from shapes."""

import json

import pytest

from diad_deploy.errors import CheckpointError, OptionError
from diad_export.checkpoint.sizes import find_extractor, read_sizes
from diad_export.model.sizes import PUBLISHED, FeatureSizes, ModelSizes, UnetSizes, check_image_size
from tests.golden_case import GOLDEN
from tests.trained import SMALL


def golden_shapes(size: str) -> dict[str, tuple[int, ...]]:
    keys = json.loads((GOLDEN / f"{size}_keys.json").read_text())
    return {key: tuple(entry["shape"]) for key, entry in keys.items()}


def test_published_size() -> None:
    assert read_sizes(golden_shapes("full")) == PUBLISHED


def test_tiny_size() -> None:
    sizes = read_sizes(golden_shapes("tiny"))
    assert sizes.unet == UnetSizes(channels=(32, 64, 128, 128), context_width=64)
    assert sizes.autoencoder.channels == (32, 64, 128, 128)
    assert sizes.features == FeatureSizes(name="resnet18")


def test_small_size_with_attention_in_one_level_only(small_checkpoint) -> None:
    from diad_export.checkpoint.read import read_checkpoint

    assert read_sizes(read_checkpoint(small_checkpoint).shapes()) == SMALL


def test_unknown_extractor() -> None:
    shapes = golden_shapes("tiny")
    shapes["pretrained_model.conv1.weight"] = (65, 3, 7, 7)
    with pytest.raises(CheckpointError, match="none of resnet50"):
        find_extractor(shapes)


def test_no_extractor() -> None:
    assert find_extractor({}) == "resnet50"


def test_no_unet() -> None:
    with pytest.raises(CheckpointError, match=r"lacks 'model\.diffusion_model"):
        read_sizes({"first_stage_model.encoder.conv_in.weight": (32, 3, 3, 3)})


def test_first_level_that_widens() -> None:
    shapes = golden_shapes("tiny")
    shapes["model.diffusion_model.input_blocks.0.0.weight"] = (64, 4, 3, 3)
    with pytest.raises(CheckpointError, match="has 64 channels before its first level"):
        read_sizes(shapes)


def test_invalid_sizes() -> None:
    with pytest.raises(OptionError, match="multiples of 32"):
        ModelSizes(
            unet=UnetSizes(channels=(48, 96, 192, 192)),
            autoencoder=PUBLISHED.autoencoder,
            features=PUBLISHED.features,
        )


@pytest.mark.parametrize("size_px", [128, 192, 256, 512])
def test_image_sizes_that_fit(size_px: int) -> None:
    check_image_size(size_px, PUBLISHED.unet)


@pytest.mark.parametrize(("size_px", "near"), [(64, "128"), (200, "192 or 256"), (1, "128")])
def test_image_sizes_that_do_not_fit(size_px: int, near: str) -> None:
    with pytest.raises(OptionError, match=f"take {near}$"):
        check_image_size(size_px, PUBLISHED.unet)
