"""Pictures -> model input, as the published loaders do it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from diad_deploy.arrays import FloatArray, PictureArray
from diad_deploy.bundle.manifest import ImageSpec
from diad_deploy.errors import InputError, OptionError


def prepare(picture: PictureArray, image: ImageSpec) -> FloatArray:
    """Model input for one picture: `(resized / 255 - mean) / std`, all in float32.

    The picture is resized to a square with Pillow's bilinear filter: its aspect is not kept and
    nothing is cropped (`transforms.Resize((S, S))` of the published data loaders).

    Args:
        picture: uint8 `[H, W, 3]` RGB of any size.
        image: the model input's side and normalisation.

    Returns:
        float32 `[3, S, S]`.

    Raises:
        InputError: not uint8, not three channels, or without pixels.
    """
    check_picture(picture)
    size = (image.size_px, image.size_px)
    resized = Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR)
    # one float32 rounding per operation, in this order: bit for bit what torchvision gives
    unit = np.asarray(resized, dtype=np.float32) / np.float32(255.0)
    mean = np.asarray(image.mean, dtype=np.float32)
    std = np.asarray(image.std, dtype=np.float32)
    return np.ascontiguousarray(((unit - mean) / std).transpose(2, 0, 1))


def prepare_batch(pictures: Sequence[PictureArray], image: ImageSpec) -> FloatArray:
    """`prepare` for each picture: float32 `[B, 3, S, S]`; B is 0 for no pictures."""
    batch = np.empty((len(pictures), 3, image.size_px, image.size_px), dtype=np.float32)
    for place, picture in enumerate(pictures):
        batch[place] = prepare(picture, image)
    return batch


def check_picture(picture: npt.NDArray[Any], *, dtype: npt.DTypeLike = np.uint8) -> None:
    """Raise `InputError` unless `picture` is uint8 `[H, W, 3]` with at least one pixel.

    `dtype` is another type to expect in its place.
    """
    expected = f"expected a {np.dtype(dtype)} array [H, W, 3] in RGB order"
    if not isinstance(picture, np.ndarray):
        raise InputError(f"picture: {expected}, found {type(picture).__name__}; convert it first")
    fits = picture.dtype == dtype and picture.ndim == 3 and picture.shape[2] == 3
    if not fits or picture.size == 0:
        raise InputError(
            f"picture: {expected}, at least 1x1, found {picture.dtype} {list(picture.shape)}; "
            f"convert it first"
        )


def check_prepared(
    batch: FloatArray, picture_sizes: Sequence[tuple[int, int]], image: ImageSpec
) -> None:
    """Raise unless `batch` is float32 `[B, 3, S, S]`, with a (height, width) for each picture.

    Raises:
        OptionError: another shape or type, or another number of sizes.
    """
    side = image.size_px
    if batch.dtype != np.float32 or batch.shape[1:] != (3, side, side):
        raise OptionError(
            f"batch: expected float32 [B, 3, {side}, {side}], found {batch.dtype} "
            f"{list(batch.shape)}; prepare pictures with diad_deploy.images.preprocess"
        )
    if len(picture_sizes) != len(batch):
        raise OptionError(
            f"picture_sizes: expected one for each of {len(batch)} pictures, found "
            f"{len(picture_sizes)}"
        )
