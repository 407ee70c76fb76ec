"""The samples of an image as stored, before they are scaled to 8 bits."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diad_deploy.errors import ImageError
from diad_deploy.images.formats.white_level import WhiteLevel, format_white

SampleArray = npt.NDArray[Any]

EIGHT_BIT_WHITE = 255.0
SIXTEEN_BIT_WHITE = 65535.0
FLOAT_WHITE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedWhite:
    """A white level that a file states, below the largest value of its sample type.

    Attributes:
        value: the value that is white, in the camera's units.
        source: where the file states it, for messages.
        scaled: whether the samples are scaled up, so that the type's largest value is white.
    """

    value: float
    source: str
    scaled: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """A decoded image in upright orientation.

    Attributes:
        values: `[H, W]` or `[H, W, 3]` RGB as stored, with palettes applied. uint8 if the file has
            at most 8 bits per sample. 16-bit colours may be reduced to their high bytes; these are
            uint8, too, and recognised by `white_of_type` (see `are_high_bytes`).
        alpha: uint8 or uint16 `[H, W]`, 0 is transparent; None if the file has none.
        format: Pillow's name of the file's format.
        white_of_type: the largest value of the file's sample type; 1.0 for floats.
        stated: the white level stated by the file, if any.
        zero_is_white: whether 0 is white and the largest value black; never with 8 bits.
        note: what of the file was not read, for the image's row; None if all was read.
    """

    values: SampleArray
    alpha: SampleArray | None = None
    format: str
    white_of_type: float = EIGHT_BIT_WHITE
    stated: StatedWhite | None = None
    zero_is_white: bool = False
    note: str | None = None

    @property
    def is_wide(self) -> bool:
        """Whether the file has more than 8 bits per sample, or floats."""
        return self.white_of_type != EIGHT_BIT_WHITE

    @property
    def is_float(self) -> bool:
        """Whether the samples are floats."""
        return bool(np.issubdtype(self.values.dtype, np.floating))

    @property
    def are_high_bytes(self) -> bool:
        """Whether `values` contains only the upper 8 of 16 bits."""
        return self.is_wide and self.values.dtype == np.uint8

    def white(self, level: WhiteLevel, *, path: str) -> float:
        """The sample value that is white.

        Args:
            level: the white level of the run.
            path: for the message.

        Raises:
            ImageError: the file states another white level, or contains larger integers than
                the bit depth allows.
        """
        stated = self.stated
        if stated is not None and level.value not in (None, stated.value):
            raise ImageError(
                path,
                f"{stated.source} states {format_white(stated.value)}, but the run uses "
                f"{level.option}; omit the option, or inspect this image in a separate run",
            )
        if stated is not None:
            chosen = self.white_of_type if stated.scaled else stated.value
            self._check_bits(chosen, stated.source, "save it again", path)
            return chosen
        chosen = self.white_of_type if level.value is None else level.value
        if not self.is_float and chosen > self.white_of_type:
            raise ImageError(
                path,
                f"its samples are at most {self.white_of_type:.0f}, but with {level.option} white "
                f"is {chosen:.10g}; omit the option, or inspect it in a separate run",
            )
        if level.bit_depth is not None:
            self._check_bits(chosen, level.option, "use the camera's bit depth", path)
        return chosen

    def peak(self) -> float:
        """The largest finite sample as stored; 0 if there is none."""
        values = self.values
        if self.are_high_bytes:
            return float(values.max()) * 256 + 255
        if self.is_float:
            finite = values[np.isfinite(values)]
            return float(finite.max()) if finite.size else 0.0
        return float(values.max())

    def _check_bits(self, white: float, source: str, hint: str, path: str) -> None:
        """Raise if an integer exceeds `white`: the samples then have more bits than stated."""
        if self.is_float or self.are_high_bytes:
            return
        largest = float(self.values.max())
        if largest > white:
            raise ImageError(
                path,
                f"contains the value {largest:.0f}, but {source} allows at most {white:.0f}; "
                f"{hint}",
            )
