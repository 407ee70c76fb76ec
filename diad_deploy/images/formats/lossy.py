"""Whether a file's format changed the values that were saved in it."""

import struct
from pathlib import Path
from typing import BinaryIO

from PIL import Image

_ALWAYS = ("AVIF", "JPEG", "MPO")
_TIFF_COMPRESSIONS = ("jpeg", "tiff_jpeg", "webp")
_SEARCHED_BYTES = 1 << 20
_START = b"\xff\x4f\xff\x51"
"""Of a JPEG 2000's codestream: then the segment of its size, then the others."""
_CODING_STYLE = b"\xff\x52"
_TRANSFORMATION_AT = 13
_REVERSIBLE = 1


def is_lossy(path: Path, format_name: str) -> bool:
    """Whether the image was saved with loss, or may have been where its decoder does not tell.

    Args:
        path: of a file that was decoded without fault.
        format_name: Pillow's.
    """
    if format_name == "TIFF":
        try:
            with Image.open(path, formats=("TIFF",)) as image:
                return image.info.get("compression") in _TIFF_COMPRESSIONS
        except OSError:  # a kind that Pillow does not open holds its samples as they are
            return False
    with path.open("rb") as file:
        if format_name == "WEBP":
            return not _is_lossless_webp(file)
        if format_name == "JPEG2000":
            return not _is_reversible(file.read(_SEARCHED_BYTES))
    return format_name in _ALWAYS


def _is_lossless_webp(file: BinaryIO) -> bool:
    """Whether the first chunk of pixels is one of the lossless kind."""
    place = 12
    while True:
        file.seek(place)
        header = file.read(8)
        if len(header) < 8 or header[:4] == b"VP8 ":
            return False
        if header[:4] == b"VP8L":
            return True
        # a frame of an animation holds chunks of its own, behind 16 bytes
        size = 16 if header[:4] == b"ANMF" else struct.unpack("<I", header[4:])[0]
        place += 8 + size + size % 2


def _is_reversible(content: bytes) -> bool:
    """Whether a JPEG 2000 says that its transformation loses nothing."""
    size_segment = content.find(_START) + 4
    length = int.from_bytes(content[size_segment : size_segment + 2], "big")
    place = content.find(_CODING_STYLE, size_segment + length)
    at = place + _TRANSFORMATION_AT
    return place >= 0 and content[at : at + 1] == bytes([_REVERSIBLE])
