"""Pictures as a program hands them in: arrays, or paths of files."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from diad_deploy.arrays import PictureArray
from diad_deploy.images import read_picture
from diad_deploy.preprocess import check_picture

Picture = PictureArray | str | os.PathLike[str]


def decode(picture: Picture) -> PictureArray:
    """uint8 `[H, W, 3]` RGB.

    Raises:
        PictureError: a file cannot be read. InputError: an array is no picture.
    """
    if isinstance(picture, (str, os.PathLike)):
        return read_picture(Path(picture))
    check_picture(picture)
    return picture


def path_of(picture: Picture) -> Path | None:
    """Where it lies; None for an array."""
    return Path(picture) if isinstance(picture, (str, os.PathLike)) else None


def in_chunks(pictures: Iterable[Picture], size: int) -> Iterator[list[Picture]]:
    """Up to `size` at a time, taken as they are needed."""
    rest = iter(pictures)
    while chunk := list(islice(rest, size)):
        yield chunk
