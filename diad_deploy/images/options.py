"""What a person decides about how images are read."""

from dataclasses import dataclass
from typing import Any, Literal

from diad_deploy.errors import OptionError
from diad_deploy.images.formats.opening import LIMIT_PX
from diad_deploy.images.formats.white_level import AUTO_WHITE, WhiteLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOptions:
    """How a run reads images.

    Attributes:
        white: which value is white; None takes what thresholds were set with, else each file's
            own.
        limit_px: most pixels of an image.
    """

    white: WhiteLevel | None = None
    limit_px: int = LIMIT_PX

    @property
    def arguments(self) -> dict[str, Any]:
        """As `Detector.open` takes them."""
        given = self.white
        auto = given is not None and given.value is None
        return {
            "bit_depth": "auto" if auto else given and given.bit_depth,
            "white": given and given.white,
            "max_megapixels": self.limit_px / 1e6,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOptions:
    """The image options of a configuration, which checks them in its `__post_init__`.

    Attributes:
        bit_depth: bits that the camera uses in samples of more than 8, in files and in uint16
            arrays. None takes the depth that the thresholds were set with; where there are none,
            and with `auto`, each file's own depth holds.
        white: the value that is white, in place of `bit_depth`.
        max_megapixels: most pixels of an image file, in millions; None is 179.
    """

    bit_depth: int | Literal["auto"] | None = None
    white: float | None = None
    max_megapixels: float | None = None

    @property
    def reading(self) -> ImageOptions:
        """How images are read.

        Raises:
            OptionError: a value does not fit.
        """
        return image_options_of(
            bit_depth=self.bit_depth, white=self.white, max_megapixels=self.max_megapixels
        )


def image_options_of(
    *,
    bit_depth: int | str | None = None,
    white: float | None = None,
    max_megapixels: float | None = None,
) -> ImageOptions:
    """The options as a command or a program is given them.

    Args:
        bit_depth: bits that the camera uses, or `auto`.
        white: the value that is white.
        max_megapixels: most pixels of an image, in millions.

    Raises:
        OptionError: one does not fit, or `bit_depth` and `white` are both given.
    """
    limit_px = LIMIT_PX
    if max_megapixels is not None:
        if not 0 < max_megapixels < 1e6:
            raise OptionError(f"--max-megapixels {max_megapixels:g}: expected a number above 0")
        limit_px = round(max_megapixels * 1e6)
    return ImageOptions(white=_white(bit_depth, white), limit_px=limit_px)


def _white(bit_depth: int | str | None, white: float | None) -> WhiteLevel | None:
    if bit_depth is None:
        return None if white is None else WhiteLevel(white=white)
    if bit_depth == "auto":
        if white is not None:
            raise OptionError("--bit-depth auto and --white exclude each other: take one")
        return AUTO_WHITE
    try:
        bits = int(bit_depth)
    except ValueError:
        raise OptionError(
            f"--bit-depth {bit_depth}: expected auto or the number of bits that the camera uses"
        ) from None
    return WhiteLevel(bit_depth=bits, white=white)
