"""TIFF tags, and decoding of the TIFFs that Pillow does not support."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, TiffImagePlugin

from diad_deploy.errors import ImageError
from diad_deploy.images.formats.raw import decode_raw
from diad_deploy.images.formats.samples import FLOAT_WHITE, Samples, StatedWhite
from diad_deploy.images.formats.white_level import exact_bit_depth

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES_PER_PIXEL = 256, 257, 258, 262, 277
_MAX_SAMPLE, _PLANAR_CONFIGURATION, _EXTRA_SAMPLES = 281, 284, 338
_SAMPLE_FORMAT, _S_MAX_SAMPLE = 339, 341

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_FORMAT_NAMES = {_UNSIGNED: "unsigned", _SIGNED: "signed", _FLOAT: "floating point"}
_PLANAR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffTags:
    """The tags that define the meaning of a sample.

    Attributes:
        size: (width, height) in pixels, as stored.
        bits: bits per sample; the largest, if the channels differ.
        kind: SampleFormat: 1 unsigned, 2 signed, 3 floating point.
        channels: samples per pixel.
        photometric: PhotometricInterpretation: 0 white is zero, 1 black is zero, 2 RGB, ...
        planar: whether each channel is stored in a separate plane.
        extra: number of channels that are neither grey nor colour.
        max_sample: MaxSampleValue or SMaxSampleValue; None if absent.
    """

    size: tuple[int, int]
    bits: int
    kind: int
    channels: int
    photometric: int
    planar: bool
    extra: int
    max_sample: float | None

    @property
    def zero_is_white(self) -> bool:
        """Whether 0 is white and the largest value black."""
        return self.photometric == _WHITE_IS_ZERO

    @property
    def white_of_type(self) -> float:
        """The largest value of the sample type; 1.0 for floats."""
        if self.kind == _FLOAT:
            return FLOAT_WHITE
        return float(2 ** (self.bits - (self.kind == _SIGNED)) - 1)

    @property
    def stated(self) -> StatedWhite | None:
        """The white level stated by MaxSampleValue.

        The standard also allows the tag to be the largest value of this image, so only the
        largest value of a whole number of bits is taken for the camera's range.
        """
        white = self.max_sample
        if white is None or exact_bit_depth(white) is None:
            return None
        if white == self.white_of_type or (self.kind != _FLOAT and white > self.white_of_type):
            return None
        return StatedWhite(value=white, source="the TIFF's MaxSampleValue", scaled=False)

    @property
    def description(self) -> str:
        """The sample type in words, for messages."""
        kind = _FORMAT_NAMES.get(self.kind, f"SampleFormat {self.kind}")
        planes = ", separate planes" if self.planar and self.channels > 1 else ""
        return (
            f"a TIFF of {self.channels} x {self.bits} bits, {kind}, "
            f"PhotometricInterpretation {self.photometric}{planes}"
        )


def is_tiff(file: BinaryIO) -> bool:
    """Whether the file starts with a TIFF signature; keeps the file position."""
    place = file.tell()
    found = file.read(4) in _MAGIC
    file.seek(place)
    return found


def read_tags(image: Image.Image) -> TiffTags:
    """The tags of an image that Pillow has opened."""
    return _tags(getattr(image, "tag_v2", {}))


def check_supported(path: Path, tags: TiffTags) -> None:
    """Raise `ImageError` for a TIFF that Pillow opens but decodes incorrectly."""
    unsupported = (tags.planar and tags.channels > 1 and tags.bits > 8) or (
        tags.kind == _SIGNED and tags.bits <= 8
    )
    if unsupported:
        raise ImageError(str(path), _unsupported(tags))


def parse_first_tags(file: BinaryIO) -> TiffTags:
    """The tags of the first page of a TIFF that Pillow cannot open.

    Raises:
        Exception: any error of Pillow's on a damaged file.
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
    """Decode grey or RGB samples of a type that Pillow does not support.

    Raises:
        ImageError: OpenCV does not support it either.
    """
    plain = tags.extra == 0 and (tags.channels, tags.photometric) in (
        (1, _WHITE_IS_ZERO),
        (1, _BLACK_IS_ZERO),
        (3, _RGB),
    )
    interleaved = not tags.planar or tags.channels == 1
    widths = (32, 64) if tags.kind == _FLOAT else (16, 32, 64)
    values = decode_raw(file) if plain and interleaved and tags.bits in widths else None
    if values is None:
        raise ImageError(str(path), _unsupported(tags))
    return Samples(
        values=values,
        format="TIFF",
        white_of_type=tags.white_of_type,
        stated=tags.stated,
        zero_is_white=tags.zero_is_white,
    )


def _tags(tags: Mapping[int, Any]) -> TiffTags:
    limit = tags.get(_S_MAX_SAMPLE, tags.get(_MAX_SAMPLE))
    bits = max(_numbers(tags.get(_BITS, 1)))
    return TiffTags(
        size=(int(tags.get(_WIDTH, 0)), int(tags.get(_HEIGHT, 0))),
        bits=bits,
        kind=_numbers(tags.get(_SAMPLE_FORMAT, _UNSIGNED))[0],
        channels=int(tags.get(_SAMPLES_PER_PIXEL, 1)),
        photometric=int(tags.get(_PHOTOMETRIC, _BLACK_IS_ZERO)),
        planar=tags.get(_PLANAR_CONFIGURATION) == _PLANAR,
        extra=len(_numbers(tags.get(_EXTRA_SAMPLES, ()))),
        max_sample=None
        if limit is None
        else float(max(limit) if isinstance(limit, tuple) else limit),
    )


def _numbers(value: int | Iterable[int]) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)


def _unsupported(tags: TiffTags) -> str:
    return f"{tags.description}, which is not supported; save it as PNG"
