"""An image's samples as its file holds them, before they are scaled to 8 bits."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diad_deploy.errors import ImageError
from diad_deploy.images.formats.white_level import WhiteLevel, shown_white

SampleArray = npt.NDArray[Any]

EIGHT_BIT_WHITE = 255.0
SIXTEEN_BIT_WHITE = 65535.0
FLOAT_WHITE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedWhite:
    """What a file says about white beyond what its samples can hold.

    Attributes:
        value: that is white, as the camera counts.
        source: what says so, for messages.
        scaled: whether the samples are scaled up, so that the largest they can hold is white.
    """

    value: float
    source: str
    scaled: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """A decoded image, upright.

    Attributes:
        values: `[H, W]` or `[H, W, 3]` RGB, raw; palettes are looked up. uint8 where the file has
            8 bits and less; of colours of more than 8 bits uint8 may be their high bytes only,
            which `white_of_type` then tells.
        alpha: uint8 or uint16 `[H, W]`, 0 is transparent; None where the file has none.
        format: Pillow's name of the file's format.
        white_of_type: the largest value of the file's samples; 1.0 for floats.
        stated: what else the file says of white.
        zero_is_white: whether the values count down from white; never with 8 bits.
        note: what of the file was not read, for the image's row; None for nothing.
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
        """Whether the file has more than 8 bits a sample, or floats."""
        return self.white_of_type != EIGHT_BIT_WHITE

    @property
    def is_float(self) -> bool:
        """Whether the samples are floats."""
        return bool(np.issubdtype(self.values.dtype, np.floating))

    @property
    def are_high_bytes(self) -> bool:
        """Whether `values` holds only the upper 8 of 16 bits."""
        return self.is_wide and self.values.dtype == np.uint8

    def white(self, level: WhiteLevel, *, path: str) -> float:
        """The value of `values` that is white.

        Args:
            level: the run's.
            path: for the message.

        Raises:
            ImageError: the file says otherwise, or holds larger integers than its bits allow.
        """
        stated = self.stated
        if stated is not None and level.value not in (None, stated.value):
            raise ImageError(
                path,
                f"{stated.source} says {shown_white(stated.value)}, the run was given "
                f"{level.shown}; leave the option away, or inspect this image in a run of its own",
            )
        if stated is not None:
            chosen = self.white_of_type if stated.scaled else stated.value
            self._check_bits(chosen, f"{stated.source} allows", "save it again", path)
            return chosen
        chosen = self.white_of_type if level.value is None else level.value
        if not self.is_float and chosen > self.white_of_type:
            raise ImageError(
                path,
                f"its samples hold at most {self.white_of_type:.0f}, {level.shown} says that "
                f"{chosen:.10g} is white; leave the option away, or inspect it in a run of its own",
            )
        if level.bit_depth is not None:
            self._check_bits(chosen, f"{level.shown} allows", "give the camera's own depth", path)
        return chosen

    def peak(self) -> float:
        """The largest finite value as the file holds it; 0 for none."""
        values = self.values
        if self.are_high_bytes:
            return float(values.max()) * 256 + 255
        if self.is_float:
            finite = values[np.isfinite(values)]
            return float(finite.max()) if finite.size else 0.0
        return float(values.max())

    def _check_bits(self, white: float, source: str, way_out: str, path: str) -> None:
        """Integers above what so many bits can hold show that there are more bits."""
        if self.is_float or self.are_high_bytes:
            return
        largest = float(self.values.max())
        if largest > white:
            raise ImageError(
                path, f"holds the value {largest:.0f}, {source} up to {white:.0f}; {way_out}"
            )
