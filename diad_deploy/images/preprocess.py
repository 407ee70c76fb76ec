"""Preprocessing of images, as in the published data loaders."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from diad_deploy.arrays import FloatArray, ImageArray
from diad_deploy.bundle.manifest import ImageSpec
from diad_deploy.errors import InputError, OptionError


def prepare(image: ImageArray, spec: ImageSpec) -> FloatArray:
    """The model input for an image: `(resized / 255 - mean) / std`, all in float32.

    The image is resized to a square with Pillow's bilinear filter, without keeping its aspect
    ratio and without cropping (`transforms.Resize((S, S))` in the published data loaders).

    Args:
        image: uint8 `[H, W, 3]` RGB of any size.
        spec: the side and normalisation of the model input.

    Returns:
        float32 `[3, S, S]`.

    Raises:
        InputError: the image is not uint8 `[H, W, 3]`, or has no pixels.
    """
    check_image(image)
    size = (spec.size_px, spec.size_px)
    resized = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)
    # float32 operations in this order give the same bits as torchvision
    unit = np.asarray(resized, dtype=np.float32) / np.float32(255.0)
    mean = np.asarray(spec.mean, dtype=np.float32)
    std = np.asarray(spec.std, dtype=np.float32)
    return np.ascontiguousarray(((unit - mean) / std).transpose(2, 0, 1))


def prepare_batch(images: Sequence[ImageArray], spec: ImageSpec) -> FloatArray:
    """Apply `prepare` to each image: float32 `[B, 3, S, S]`."""
    batch = np.empty((len(images), 3, spec.size_px, spec.size_px), dtype=np.float32)
    for place, image in enumerate(images):
        batch[place] = prepare(image, spec)
    return batch


def check_image(image: npt.NDArray[Any], *, dtype: npt.DTypeLike = np.uint8) -> None:
    """Raise `InputError` unless `image` is `[H, W, 3]` of `dtype` with at least one pixel."""
    expected = f"expected a {np.dtype(dtype)} array [H, W, 3] in RGB order"
    if not isinstance(image, np.ndarray):
        raise InputError(f"image: {expected}, found {type(image).__name__}; convert it")
    fits = image.dtype == dtype and image.ndim == 3 and image.shape[2] == 3
    if not fits or image.size == 0:
        raise InputError(
            f"image: {expected}, at least 1x1, found {image.dtype} {list(image.shape)}; convert it"
        )


def check_prepared(
    batch: FloatArray, image_sizes: Sequence[tuple[int, int]], spec: ImageSpec
) -> None:
    """Check that `batch` is float32 `[B, 3, S, S]`, with a (height, width) for each image.

    Raises:
        OptionError: the shape or type differs, or the number of sizes.
    """
    side = spec.size_px
    if batch.dtype != np.float32 or batch.shape[1:] != (3, side, side):
        raise OptionError(
            f"batch: expected float32 [B, 3, {side}, {side}], found {batch.dtype} "
            f"{list(batch.shape)}; prepare images with diad_deploy.images.preprocess"
        )
    if len(image_sizes) != len(batch):
        raise OptionError(
            f"image_sizes: expected one for each of {len(batch)} images, found {len(image_sizes)}"
        )
