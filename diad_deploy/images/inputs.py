"""Pictures as a program hands them in: arrays, or paths of files."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from diad_deploy.arrays import PictureArray
from diad_deploy.images.preprocess import check_picture
from diad_deploy.images.reader import ImageReader

Picture = PictureArray | npt.NDArray[np.uint16] | str | os.PathLike[str]


def decode(picture: Picture, reader: ImageReader) -> PictureArray:
    """uint8 `[H, W, 3]` RGB.

    Raises:
        PictureError: a file cannot be read. InputError: an array is no picture, or of uint16
            where nothing says which value is white.
    """
    if isinstance(picture, (str, os.PathLike)):
        return reader.read(Path(picture)).pixels
    if isinstance(picture, np.ndarray) and picture.dtype == np.uint16:
        check_picture(picture, dtype=np.uint16)
        array = reader.convert(picture.astype(np.uint16, copy=False))
    else:
        array = picture  # type: ignore[assignment]
    check_picture(array)
    return array


def path_of(picture: Picture) -> Path | None:
    """Where it lies; None for an array."""
    return Path(picture) if isinstance(picture, (str, os.PathLike)) else None


def in_chunks(pictures: Iterable[Picture], size: int) -> Iterator[list[Picture]]:
    """Up to `size` at a time, taken as they are needed."""
    rest = iter(pictures)
    while chunk := list(islice(rest, size)):
        yield chunk
