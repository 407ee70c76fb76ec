"""Detection of lossy compression."""

import struct
from pathlib import Path
from typing import BinaryIO

from PIL import Image

_ALWAYS = ("AVIF", "JPEG", "MPO")
_TIFF_COMPRESSIONS = ("jpeg", "tiff_jpeg", "webp")
_SEARCHED_BYTES = 1 << 20
_START = b"\xff\x4f\xff\x51"
"""Start of a JPEG 2000 codestream, followed by its size segment and the others."""
_CODING_STYLE = b"\xff\x52"
_TRANSFORMATION_AT = 13
_REVERSIBLE = 1


def is_lossy(path: Path, format_name: str) -> bool:
    """Whether the image was, or may have been, compressed with loss.

    Args:
        path: a file that was decoded without an error.
        format_name: Pillow's name of its format.
    """
    if format_name == "TIFF":
        try:
            with Image.open(path, formats=("TIFF",)) as image:
                return image.info.get("compression") in _TIFF_COMPRESSIONS
        except OSError:  # the TIFFs that Pillow cannot open are stored without loss
            return False
    with path.open("rb") as file:
        if format_name == "WEBP":
            return not _is_lossless_webp(file)
        if format_name == "JPEG2000":
            return not _is_reversible(file.read(_SEARCHED_BYTES))
    return format_name in _ALWAYS


def _is_lossless_webp(file: BinaryIO) -> bool:
    """Whether the first chunk of pixels is lossless."""
    place = 12
    while True:
        file.seek(place)
        header = file.read(8)
        if len(header) < 8 or header[:4] == b"VP8 ":
            return False
        if header[:4] == b"VP8L":
            return True
        # a frame of an animation contains chunks of its own, after 16 bytes
        size = 16 if header[:4] == b"ANMF" else struct.unpack("<I", header[4:])[0]
        place += 8 + size + size % 2


def _is_reversible(content: bytes) -> bool:
    """Whether a JPEG 2000 uses the reversible wavelet transformation."""
    size_segment = content.find(_START) + 4
    length = int.from_bytes(content[size_segment : size_segment + 2], "big")
    place = content.find(_CODING_STYLE, size_segment + length)
    at = place + _TRANSFORMATION_AT
    return place >= 0 and content[at : at + 1] == bytes([_REVERSIBLE])
