"""The sample value that is white, set for a whole run and never guessed from a single image.

A 12-bit camera stores 0 to 4095 in 16-bit samples. Most files do not state that, and guessing from
an image's largest value would scale a darker image differently from the next.
"""

import math
from dataclasses import dataclass

from diad_deploy.errors import OptionError

MAX_BITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class WhiteLevel:
    """The value that is white in samples of more than 8 bits and in floats.

    Without `bit_depth` and `white`, it is what each file states (PNG's sBIT, TIFF's
    MaxSampleValue, PGM's maxval), else the largest value of its sample type; 1.0 for floats.
    Samples of up to 8 bits are never scaled.

    Attributes:
        bit_depth: the camera's bits per sample; white is `2**bit_depth - 1`.
        white: the value itself.

    Raises:
        OptionError: both are given, or one is out of range.
    """

    bit_depth: int | None = None
    white: float | None = None

    def __post_init__(self) -> None:
        if self.bit_depth is not None and self.white is not None:
            raise OptionError(
                f"--bit-depth {self.bit_depth} and --white {self.white:g} exclude each other; use "
                f"one of them"
            )
        if self.bit_depth is not None and not 1 <= self.bit_depth <= MAX_BITS:
            raise OptionError(f"--bit-depth {self.bit_depth}: expected 1 to {MAX_BITS}, or auto")
        if self.white is not None and not (math.isfinite(self.white) and self.white >= 1e-30):
            raise OptionError(f"--white {self.white:g}: expected a finite number above 0")

    @property
    def value(self) -> float | None:
        """The value that is white; None if it depends on the file."""
        return self.white if self.bit_depth is None else float(2**self.bit_depth - 1)

    @property
    def option(self) -> str:
        """The command-line option that sets it."""
        return format_white(self.value)


AUTO_WHITE = WhiteLevel()


def format_white(value: float | None) -> str:
    """The option that sets a white level, such as `--bit-depth 12`; `--bit-depth auto` for None."""
    if value is None:
        return "--bit-depth auto"
    bits = exact_bit_depth(value)
    return f"--white {value:.10g}" if bits is None else f"--bit-depth {bits}"


def exact_bit_depth(value: float) -> int | None:
    """The number of bits whose largest value is `value`; None if there is none."""
    if not 1 <= value < 2**MAX_BITS or value != int(value):
        return None
    bits = int(value).bit_length()
    return bits if value == 2**bits - 1 else None


def resolve_white(given: WhiteLevel | None, kept: WhiteLevel | None, *, where: str) -> WhiteLevel:
    """The white level of a run.

    Args:
        given: the user's option; None if not set.
        kept: the white level the thresholds were set with; None if there are no thresholds.
        where: the thresholds' file, for the message.

    Raises:
        OptionError: they differ, so the thresholds would not fit the scores.
    """
    if kept is None:
        return given or AUTO_WHITE
    if given is not None and given.value != kept.value:
        raise OptionError(
            f"{given.option}: the thresholds in {where} were set with {kept.option} and do not fit "
            f"scores of another white level; omit the option, or calibrate again with it"
        )
    return kept
