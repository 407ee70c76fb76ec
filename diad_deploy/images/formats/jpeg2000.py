"""The bit depth of JPEG 2000 files, which Pillow does not report."""

from typing import BinaryIO

_START = b"\xff\x4f\xff\x51"
"""Start of the codestream, followed by its size marker."""
_PRECISION_AT = 42
_SEARCHED_BYTES = 1 << 20


def precision(file: BinaryIO) -> int:
    """Bits per sample of the first channel; 8 if the start of the codestream is not found."""
    file.seek(0)
    head = file.read(_SEARCHED_BYTES)
    place = head.find(_START) + _PRECISION_AT
    if place < _PRECISION_AT or place >= len(head):
        return 8
    return (head[place] & 0x7F) + 1
