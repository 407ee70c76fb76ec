"""Images passed to the API: arrays or file paths."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from diad_deploy.arrays import ImageArray
from diad_deploy.images.preprocess import check_image
from diad_deploy.images.reader import ImageReader

ImageInput = ImageArray | npt.NDArray[np.uint16] | str | os.PathLike[str]


def decode(image: ImageInput, reader: ImageReader) -> ImageArray:
    """The image as uint8 `[H, W, 3]` RGB.

    Raises:
        ImageError: a file cannot be read.
        InputError: an array is not an image, or it is uint16 and no white level is set.
    """
    if isinstance(image, (str, os.PathLike)):
        return reader.read(Path(image)).pixels
    if isinstance(image, np.ndarray) and image.dtype == np.uint16:
        check_image(image, dtype=np.uint16)
        array = reader.convert(image.astype(np.uint16, copy=False))
    else:
        array = image  # type: ignore[assignment]
    check_image(array)
    return array


def source_path(image: ImageInput) -> Path | None:
    """The path of the image's file; None for an array."""
    return Path(image) if isinstance(image, (str, os.PathLike)) else None


def in_chunks(images: Iterable[ImageInput], size: int) -> Iterator[list[ImageInput]]:
    """Lists of at most `size` images, taken as they are needed."""
    rest = iter(images)
    while chunk := list(islice(rest, size)):
        yield chunk
