"""Which value of a sample is white: said for a whole run, never guessed from one image.

A camera of 12 bits writes 0 to 4095 into samples of 16 bits. Nothing in most files says so, and a
guess by an image's largest value would scale a darker image otherwise than its neighbour.
"""

import math
from dataclasses import dataclass

from diad_deploy.errors import OptionError

MAX_BITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class WhiteLevel:
    """The value that is white in samples of more than 8 bits and in floats.

    Neither: each file's own, as it says itself (PNG's sBIT, TIFF's MaxSampleValue, a PGM's maxval)
    or as its samples hold at most; 1.0 for floats. Samples of 8 bits and less are not scaled.

    Attributes:
        bit_depth: bits that the camera uses; white is 2 to that power, minus 1.
        white: the value itself.

    Raises:
        OptionError: both are given, or one is out of range.
    """

    bit_depth: int | None = None
    white: float | None = None

    def __post_init__(self) -> None:
        if self.bit_depth is not None and self.white is not None:
            raise OptionError(
                f"--bit-depth {self.bit_depth} and --white {self.white:g} exclude each other: "
                f"take one"
            )
        if self.bit_depth is not None and not 1 <= self.bit_depth <= MAX_BITS:
            raise OptionError(f"--bit-depth {self.bit_depth}: expected 1 to {MAX_BITS}, or auto")
        if self.white is not None and not (math.isfinite(self.white) and self.white >= 1e-30):
            raise OptionError(f"--white {self.white:g}: expected a finite number above 0")

    @property
    def value(self) -> float | None:
        """The value that is white; None where each file's own holds."""
        return self.white if self.bit_depth is None else float(2**self.bit_depth - 1)

    @property
    def shown(self) -> str:
        """The option that gives it."""
        return shown_white(self.value)


AUTO_WHITE = WhiteLevel()


def shown_white(value: float | None) -> str:
    """The option for a value that is white: `--bit-depth 12`; None is `--bit-depth auto`."""
    if value is None:
        return "--bit-depth auto"
    bits = bits_of(value)
    return f"--white {value:.10g}" if bits is None else f"--bit-depth {bits}"


def bits_of(value: float) -> int | None:
    """Number of bits of which `value` is the largest number; None where it is no such value."""
    if not 1 <= value < 2**MAX_BITS or value != int(value):
        return None
    bits = int(value).bit_length()
    return bits if value == 2**bits - 1 else None


def resolve_white(given: WhiteLevel | None, kept: WhiteLevel | None, *, where: str) -> WhiteLevel:
    """The white level of a run.

    Args:
        given: as the user says; None says nothing.
        kept: what the thresholds were set with; None where there are none.
        where: names the thresholds in the message.

    Raises:
        OptionError: they differ, so scores would not be those that the thresholds are for.
    """
    if kept is None:
        return given or AUTO_WHITE
    if given is not None and given.value != kept.value:
        raise OptionError(
            f"{given.shown}: the thresholds in {where} were set with {kept.shown}, so these scores "
            f"would be others; leave the option away, or calibrate again with it"
        )
    return kept
