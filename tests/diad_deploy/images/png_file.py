"""PNGs chunk by chunk: what Pillow does not write."""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk with its length and checksum."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def write_png(
    path: Path,
    values: np.ndarray[Any, Any],
    chunks: Sequence[tuple[bytes, bytes]] = (),
    behind: Sequence[tuple[bytes, bytes]] = (),
) -> Path:
    """A PNG of uint8 or uint16 `[H, W]` or `[H, W, C]`: grey, grey and alpha, RGB, RGBA.

    Args:
        path: the file.
        values: of the samples.
        chunks: kind and content of those that stand before the pixels.
        behind: of those behind them.
    """
    height, width = values.shape[:2]
    channels = 1 if values.ndim == 2 else values.shape[2]
    bits = values.dtype.itemsize * 8
    header = struct.pack(">IIBBBBB", width, height, bits, _COLOUR_TYPES[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(values.dtype.newbyteorder(">")).tobytes() for row in values)
    path.write_bytes(
        SIGNATURE
        + chunk(b"IHDR", header)
        + b"".join(chunk(kind, content) for kind, content in chunks)
        + chunk(b"IDAT", zlib.compress(rows))
        + b"".join(chunk(kind, content) for kind, content in behind)
        + chunk(b"IEND", b"")
    )
    return path
