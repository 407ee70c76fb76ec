"""What a TIFF's tags say of its samples, and the kinds of TIFF that Pillow cannot decode."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, TiffImagePlugin

from diad_deploy.errors import ImageError
from diad_deploy.images.formats.raw import decode_raw
from diad_deploy.images.formats.samples import FLOAT_WHITE, Samples, StatedWhite
from diad_deploy.images.formats.white_level import bits_of

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_SAMPLES, _MOST, _PLANES, _EXTRA, _FORMAT, _TOP = 277, 281, 284, 338, 339, 341

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_FORMAT_NAMES = {_UNSIGNED: "unsigned", _SIGNED: "signed", _FLOAT: "floating point"}
_APART = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffTags:
    """The tags that say what a sample means.

    Attributes:
        size: (width, height) in pixels, as stored.
        bits: of a sample, the widest.
        kind: 1 unsigned, 2 signed, 3 floating point.
        channels: samples a pixel.
        photometric: 0 white is zero, 1 black is zero, 2 RGB, and so on.
        apart: whether each channel lies in a plane of its own.
        extra: how many channels are neither grey nor colour.
        most: MaxSampleValue or SMaxSampleValue; None without.
    """

    size: tuple[int, int]
    bits: int
    kind: int
    channels: int
    photometric: int
    apart: bool
    extra: int
    most: float | None

    @property
    def zero_is_white(self) -> bool:
        """Whether the values count down from white."""
        return self.photometric == _WHITE_IS_ZERO

    @property
    def white_of_type(self) -> float:
        """The largest value of a sample; 1.0 for floats."""
        if self.kind == _FLOAT:
            return FLOAT_WHITE
        return float(2 ** (self.bits - (self.kind == _SIGNED)) - 1)

    @property
    def stated(self) -> StatedWhite | None:
        """What MaxSampleValue says of white.

        By the standard the tag may also be a statistic, the largest value of this image: only the
        largest value of a number of bits is taken for what the camera can write.
        """
        most = self.most
        if most is None or bits_of(most) is None:
            return None
        if most == self.white_of_type or (self.kind != _FLOAT and most > self.white_of_type):
            return None
        return StatedWhite(value=most, source="the TIFF's MaxSampleValue", scaled=False)

    @property
    def shown(self) -> str:
        """In words, for messages."""
        kind = _FORMAT_NAMES.get(self.kind, f"SampleFormat {self.kind}")
        planes = ", a plane a channel" if self.apart and self.channels > 1 else ""
        return (
            f"a TIFF of {self.channels} x {self.bits} bits, {kind}, "
            f"PhotometricInterpretation {self.photometric}{planes}"
        )


def is_tiff(file: BinaryIO) -> bool:
    """Whether the open file begins as a TIFF; its place is not changed."""
    place = file.tell()
    found = file.read(4) in _MAGIC
    file.seek(place)
    return found


def tags_of(image: Image.Image) -> TiffTags:
    """The tags of an image that Pillow opened."""
    return _tags(getattr(image, "tag_v2", {}))


def check_kind(path: Path, tags: TiffTags) -> None:
    """Raise `ImageError` for a kind that Pillow opens and decodes wrongly."""
    wrong = (tags.apart and tags.channels > 1 and tags.bits > 8) or (
        tags.kind == _SIGNED and tags.bits <= 8
    )
    if wrong:
        raise ImageError(str(path), _refused(tags))


def first_tags(file: BinaryIO) -> TiffTags:
    """The tags of the first page of a TIFF that Pillow cannot open.

    Raises:
        Exception: whatever Pillow makes of a damaged file.
    """
    file.seek(0)
    header = file.read(8)
    if header[2:3] == b"+" or header[3:4] == b"+":
        header += file.read(8)
    directory = TiffImagePlugin.ImageFileDirectory_v2(header)
    file.seek(directory.next)
    directory.load(file)
    return _tags(directory)


def decode_other(path: Path, file: BinaryIO, tags: TiffTags) -> Samples:
    """Decode grey or RGB samples of a kind that Pillow does not know.

    Raises:
        ImageError: OpenCV does not know it either.
    """
    plain = tags.extra == 0 and (tags.channels, tags.photometric) in (
        (1, _WHITE_IS_ZERO),
        (1, _BLACK_IS_ZERO),
        (3, _RGB),
    )
    together = not tags.apart or tags.channels == 1
    widths = (32, 64) if tags.kind == _FLOAT else (16, 32, 64)
    values = decode_raw(file) if plain and together and tags.bits in widths else None
    if values is None:
        raise ImageError(str(path), _refused(tags))
    return Samples(
        values=values,
        format="TIFF",
        white_of_type=tags.white_of_type,
        stated=tags.stated,
        zero_is_white=tags.zero_is_white,
    )


def _tags(tags: Mapping[int, Any]) -> TiffTags:
    most = tags.get(_TOP, tags.get(_MOST))
    bits = max(_numbers(tags.get(_BITS, 1)))
    return TiffTags(
        size=(int(tags.get(_WIDTH, 0)), int(tags.get(_HEIGHT, 0))),
        bits=bits,
        kind=_numbers(tags.get(_FORMAT, _UNSIGNED))[0],
        channels=int(tags.get(_SAMPLES, 1)),
        photometric=int(tags.get(_PHOTOMETRIC, _BLACK_IS_ZERO)),
        apart=tags.get(_PLANES) == _APART,
        extra=len(_numbers(tags.get(_EXTRA, ()))),
        most=None if most is None else float(max(most) if isinstance(most, tuple) else most),
    )


def _numbers(value: int | Iterable[int]) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)


def _refused(tags: TiffTags) -> str:
    return f"{tags.shown}: a kind that cannot be read; save it as PNG"
