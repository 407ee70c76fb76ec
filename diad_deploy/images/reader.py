"""Reads images with the options of a run, and keeps what they show."""

import os
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from diad_deploy.arrays import ImageArray
from diad_deploy.errors import ImageError, InputError
from diad_deploy.images.formats.decode import read_samples
from diad_deploy.images.formats.opening import LIMIT_PX
from diad_deploy.images.formats.white_level import AUTO_WHITE, WhiteLevel
from diad_deploy.images.options import ImageOptions
from diad_deploy.images.rgb import check_visible, scaled, to_rgb
from diad_deploy.images.tally import Tally


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadImage:
    """uint8 `[H, W, 3]` RGB, and what of the file was not read (None for nothing)."""

    pixels: ImageArray
    note: str | None = None


class ImageReader:
    """Reads the images of one run; may be used from several threads.

    Args:
        white: which value is white, in samples of more than 8 bits.
        limit_px: most pixels (width times height) to decode.
    """

    def __init__(self, white: WhiteLevel = AUTO_WHITE, *, limit_px: int = LIMIT_PX) -> None:
        self.white = white
        self._limit_px = limit_px
        self.tally = Tally(white)

    @classmethod
    def with_options(cls, options: ImageOptions) -> Self:
        """A reader where no thresholds say what is white: the options do, else each file."""
        return cls(options.white or AUTO_WHITE, limit_px=options.limit_px)

    def read(self, path: str | os.PathLike[str]) -> ReadImage:
        """Decode one file to what a viewer shows.

        Raises:
            ImageError: it cannot be read, or contradicts the white level.
        """
        name = os.fspath(path)
        raw = self.white.value is not None
        samples = read_samples(path, limit_px=self._limit_px, raw=raw)
        check_visible(samples, path=name)
        try:
            white = samples.white(self.white, path=name) if samples.is_wide else None
            pixels = to_rgb(samples, white, path=name)
        except MemoryError as error:
            raise ImageError(name, "memory ran out while decoding; make it smaller") from error
        self.tally.add(samples, white)
        return ReadImage(pixels=pixels, note=samples.note)

    def convert(self, array: npt.NDArray[np.uint16]) -> ImageArray:
        """uint16 `[H, W, 3]` -> uint8 of the same shape.

        Raises:
            InputError: no white level was given, or a value is more than its bits allow.
        """
        white = self.white.value
        if white is None:
            raise InputError(
                "image: a uint16 array, and nothing says which value is white; open the detector "
                "with bit_depth=12 or as many bits as the camera has, or with white="
            )
        largest = int(array.max(initial=0))
        if self.white.bit_depth is not None and largest > white:
            raise InputError(
                f"image: holds the value {largest}, bit_depth={self.white.bit_depth} allows "
                f"up to {white:.0f}; open the detector with the camera's own depth"
            )
        return scaled(array, white)

    def warnings(self) -> tuple[str, ...]:
        """What may have made scores wrong in the files read so far; nothing for nothing."""
        return self.tally.warnings()


def read_image(path: str | os.PathLike[str], *, limit_px: int = LIMIT_PX) -> ImageArray:
    """Decode one image file, whatever its suffix says, to what a viewer shows.

    EXIF rotation is applied. Alpha and transparent colours are laid over white. Of an animation
    the first frame is taken. Greyscale, palette, CMYK and the like become RGB. Of samples of more
    than 8 bits the largest that the file says or can hold is white; of floats 1.0. ICC profiles
    are ignored.

    Args:
        path: the file.
        limit_px: most pixels (width times height) to decode.

    Returns:
        uint8 `[H, W, 3]` RGB.

    Raises:
        ImageError: not there, not an image, damaged or too large; its reason is one line.
    """
    return ImageReader(limit_px=limit_px).read(path).pixels
