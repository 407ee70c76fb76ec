"""The precision of a JPEG 2000, which Pillow does not tell."""

from typing import BinaryIO

_START = b"\xff\x4f\xff\x51"
"""Start of codestream, then the marker of its size."""
_PRECISION_AT = 42
_SEARCHED_BYTES = 1 << 20


def precision(file: BinaryIO) -> int:
    """Bits of the first channel's samples; 8 where the codestream's start is not found."""
    file.seek(0)
    head = file.read(_SEARCHED_BYTES)
    place = head.find(_START) + _PRECISION_AT
    if place < _PRECISION_AT or place >= len(head):
        return 8
    return (head[place] & 0x7F) + 1
