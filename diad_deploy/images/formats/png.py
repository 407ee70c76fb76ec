"""What Pillow does not tell of a PNG: significant bits, damage, and the way past its metadata."""

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
_MAY_TURN = (b"XML:com.adobe.xmp", b"Raw profile type exif", b"Raw profile type APP1")
"""Keywords of texts that can hold the orientation."""
_MAX_TEXT_BYTES = 1 << 20
_PIECE_BYTES = 1 << 20


def is_png(file: BinaryIO) -> bool:
    """Whether the open file begins as a PNG; its place is not changed."""
    place = file.tell()
    found = file.read(len(SIGNATURE)) == SIGNATURE
    file.seek(place)
    return found


def significant_bits(file: BinaryIO) -> tuple[int, ...]:
    """What the chunk sBIT says, a number a channel; empty without one."""
    for kind, length in _chunks(file):
        if kind == b"sBIT" and length <= 4:
            return tuple(file.read(length))
        if kind == b"IDAT":
            break
    return ()


def are_scaled(values: npt.NDArray[Any], bits: int) -> bool:
    """Whether 16-bit samples of so many significant bits are scaled up to all 16.

    The standard asks for it; what a camera's bits were left at the bottom contradicts it: then
    nothing is above them, and the bits that scaling fills with zeros (or, rounded, at most 1) hold
    more. An image that shows neither is taken by the standard.
    """
    if values.max() >= 1 << bits:
        return True
    return not bool(((values & ((1 << (16 - bits)) - 1)) > 1).any())


def check_pixels(path: Path, file: BinaryIO) -> None:
    """Compare the checksum of each part of the pixels, which Pillow passes over.

    Raises:
        ImageError: one differs.
    """
    for kind, length in _chunks(file):
        if kind != b"IDAT":
            continue
        checksum = zlib.crc32(kind)
        while length > 0:
            piece = file.read(min(length, _PIECE_BYTES))
            if not piece:
                return  # cut short, which decoding tells better
            checksum = zlib.crc32(piece, checksum)
            length -= len(piece)
        stored = file.read(4)
        if len(stored) == 4 and struct.unpack(">I", stored)[0] != checksum:
            reason = "damaged (a checksum of its pixels is wrong); copy it again"
            raise ImageError(str(path), reason)


def without_metadata(path: Path, file: BinaryIO) -> io.BytesIO:
    """The same PNG without its large texts and its colour profile, in memory.

    Raises:
        ImageError: a text that may say how the image is turned is too large to be read.
    """
    kept = io.BytesIO()
    kept.write(SIGNATURE)
    for kind, length in _chunks(file):
        if kind in _TEXT and not _may_turn(path, file, kind, length):
            continue
        kept.write(struct.pack(">I", length) + kind + file.read(length + 4))
        if kind == b"IEND":
            break
    kept.seek(0)
    return kept


def _may_turn(path: Path, file: BinaryIO, kind: bytes, length: int) -> bool:
    """Whether a text may say how the image is turned; the file's place is kept.

    Raises:
        ImageError: it may, and is too large.
    """
    place = file.tell()
    content = file.read(min(length, _MAX_TEXT_BYTES))
    file.seek(place)
    keyword = content.split(b"\0", 1)[0]
    if keyword not in _MAY_TURN:
        return False
    if length > _MAX_TEXT_BYTES or _inflated(kind, content) > _MAX_TEXT_BYTES:
        raise ImageError(
            str(path),
            f"its metadata ({keyword.decode()}) is over {_MAX_TEXT_BYTES >> 20} MiB and may say "
            f"how it is turned; save it without metadata",
        )
    return True


def _inflated(kind: bytes, content: bytes) -> int:
    """Length of a text, at most a byte more than the largest that is read."""
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
    """Kind and length of each chunk, the file's place at its content; ends where the file does."""
    place = len(SIGNATURE)
    while True:
        file.seek(place)
        header = file.read(8)
        if len(header) < 8:
            return
        length, kind = struct.unpack(">I4s", header)
        yield kind, length
        place += length + 12
