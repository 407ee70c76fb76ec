"""Read images with the options of a run."""

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
    """uint8 `[H, W, 3]` RGB, and a note on what was not read of the file (None if all was)."""

    pixels: ImageArray
    note: str | None = None


class ImageReader:
    """Reads the images of a run. Can be used by several threads.

    Args:
        white: the white level of samples of more than 8 bits.
        limit_px: largest number of pixels (width times height) to decode.
    """

    def __init__(self, white: WhiteLevel = AUTO_WHITE, *, limit_px: int = LIMIT_PX) -> None:
        self.white = white
        self._limit_px = limit_px
        self.tally = Tally(white)

    @classmethod
    def with_options(cls, options: ImageOptions) -> Self:
        """A reader for a run without thresholds: white is set by the options, or by each file."""
        return cls(options.white or AUTO_WHITE, limit_px=options.limit_px)

    def read(self, path: str | os.PathLike[str]) -> ReadImage:
        """Decode a file to what an image viewer shows.

        Raises:
            ImageError: the file cannot be read, or contradicts the white level.
        """
        name = os.fspath(path)
        raw = self.white.value is not None
        samples = read_samples(path, limit_px=self._limit_px, raw=raw)
        check_visible(samples, path=name)
        try:
            white = samples.white(self.white, path=name) if samples.is_wide else None
            pixels = to_rgb(samples, white, path=name)
        except MemoryError as error:
            raise ImageError(name, "out of memory while decoding; resize it") from error
        self.tally.add(samples, white)
        return ReadImage(pixels=pixels, note=samples.note)

    def convert(self, array: npt.NDArray[np.uint16]) -> ImageArray:
        """Scale uint16 `[H, W, 3]` to uint8 of the same shape.

        Raises:
            InputError: no white level is set, or a value exceeds the bit depth.
        """
        white = self.white.value
        if white is None:
            raise InputError(
                "image: expected uint8, or a white level for uint16; open the detector with the "
                "camera's bit depth, such as bit_depth=12, or with white="
            )
        largest = int(array.max(initial=0))
        if self.white.bit_depth is not None and largest > white:
            raise InputError(
                f"image: contains the value {largest}, but bit_depth={self.white.bit_depth} "
                f"allows at most {white:.0f}; open the detector with the camera's bit depth"
            )
        return scaled(array, white)

    def warnings(self) -> tuple[str, ...]:
        """Warnings about the files read so far that may have wrong scores."""
        return self.tally.warnings()


def read_image(path: str | os.PathLike[str], *, limit_px: int = LIMIT_PX) -> ImageArray:
    """Decode an image file by its content, whatever its suffix, to what an image viewer shows.

    EXIF rotation is applied, transparency is composited over white, and greyscale, palette and
    CMYK images are converted to RGB. Only the first frame or page is read. With more than 8 bits
    per sample, white is what the file states, or else the largest value of the sample type; 1.0
    for floats. ICC profiles are ignored.

    Args:
        path: the file.
        limit_px: largest number of pixels (width times height) to decode.

    Returns:
        uint8 `[H, W, 3]` RGB.

    Raises:
        ImageError: the file is missing, not an image, damaged or too large; the reason is one
            line.
    """
    return ImageReader(limit_px=limit_px).read(path).pixels
