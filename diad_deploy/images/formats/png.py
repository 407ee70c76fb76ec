"""PNG chunks that Pillow does not evaluate: significant bits, checksums and large metadata."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy.typing as npt

from diad_deploy.errors import ImageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_TEXT = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_ORIENTATION_TEXTS = (b"XML:com.adobe.xmp", b"Raw profile type exif", b"Raw profile type APP1")
"""Keywords of texts that can contain the orientation."""
_MAX_TEXT_BYTES = 1 << 20
_PIECE_BYTES = 1 << 20


def is_png(file: BinaryIO) -> bool:
    """Whether the file starts with the PNG signature; keeps the file position."""
    place = file.tell()
    found = file.read(len(SIGNATURE)) == SIGNATURE
    file.seek(place)
    return found


def significant_bits(file: BinaryIO) -> tuple[int, ...]:
    """The significant bits per channel from the sBIT chunk; empty if there is none."""
    for kind, length in _chunks(file):
        if kind == b"sBIT" and length <= 4:
            return tuple(file.read(length))
        if kind == b"IDAT":
            break
    return ()


def are_scaled(values: npt.NDArray[Any], bits: int) -> bool:
    """Whether 16-bit samples with `bits` significant bits are scaled up to 16 bits.

    The standard requires it, but some writers keep the camera's values. In that case no value
    exceeds `bits` bits, and the low bits, which scaling leaves at zero (or 1 with rounding), have
    larger values. An image that shows neither is assumed to follow the standard.
    """
    if values.max() >= 1 << bits:
        return True
    return not bool(((values & ((1 << (16 - bits)) - 1)) > 1).any())


def check_pixels(path: Path, file: BinaryIO) -> None:
    """Verify the checksums of the pixel data, which Pillow ignores.

    Raises:
        ImageError: a checksum does not match.
    """
    for kind, length in _chunks(file):
        if kind != b"IDAT":
            continue
        checksum = zlib.crc32(kind)
        while length > 0:
            piece = file.read(min(length, _PIECE_BYTES))
            if not piece:
                return  # truncated; the decoder's message is better
            checksum = zlib.crc32(piece, checksum)
            length -= len(piece)
        stored = file.read(4)
        if len(stored) == 4 and struct.unpack(">I", stored)[0] != checksum:
            reason = "damaged (a checksum of its pixels does not match); copy it again"
            raise ImageError(str(path), reason)


def without_metadata(path: Path, file: BinaryIO) -> io.BytesIO:
    """A copy of the PNG in memory, without texts and colour profile.

    Texts that can contain the orientation are kept.

    Raises:
        ImageError: such a text is too large.
    """
    kept = io.BytesIO()
    kept.write(SIGNATURE)
    for kind, length in _chunks(file):
        if kind in _TEXT and not _can_contain_orientation(path, file, kind, length):
            continue
        kept.write(struct.pack(">I", length) + kind + file.read(length + 4))
        if kind == b"IEND":
            break
    kept.seek(0)
    return kept


def _can_contain_orientation(path: Path, file: BinaryIO, kind: bytes, length: int) -> bool:
    """Whether a text can contain the orientation; keeps the file position.

    Raises:
        ImageError: it can, and is too large.
    """
    place = file.tell()
    content = file.read(min(length, _MAX_TEXT_BYTES))
    file.seek(place)
    keyword = content.split(b"\0", 1)[0]
    if keyword not in _ORIENTATION_TEXTS:
        return False
    if length > _MAX_TEXT_BYTES or _inflated(kind, content) > _MAX_TEXT_BYTES:
        raise ImageError(
            str(path),
            f"its metadata ({keyword.decode()}) is over {_MAX_TEXT_BYTES >> 20} MiB and may "
            f"contain the orientation; save it without metadata",
        )
    return True


def _inflated(kind: bytes, content: bytes) -> int:
    """Length of a decompressed text, or one byte more than the limit if it is longer."""
    text = content.split(b"\0", 1)[-1]
    if kind == b"zTXt":
        packed = text[1:]
    elif kind == b"iTXt" and text[:1] == b"\1":
        packed = text[2:].split(b"\0", 2)[-1]
    else:
        return len(text)
    try:
        return len(zlib.decompressobj().decompress(packed, _MAX_TEXT_BYTES + 1))
    except zlib.error:
        return len(packed)


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Type and length of each chunk, with the file positioned at its content."""
    place = len(SIGNATURE)
    while True:
        file.seek(place)
        header = file.read(8)
        if len(header) < 8:
            return
        length, kind = struct.unpack(">I4s", header)
        yield kind, length
        place += length + 12
