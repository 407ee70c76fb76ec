"""TIFFs of any kind, written by hand: what no library writes, cameras do."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

Values = np.ndarray[Any, Any]

_CODES = {3: "H", 4: "I", 11: "f"}
_SIZES = {3: 2, 4: 4, 11: 4}


def write_tiff(
    path: Path,
    values: Values,
    *,
    bits: int | None = None,
    photometric: int | None = None,
    orientation: int = 1,
    planar: bool = False,
    big_endian: bool = False,
    packed: bytes | None = None,
    more: Mapping[int, tuple[int, list[Any]]] | None = None,
) -> Path:
    """An uncompressed TIFF of `[H, W]` or `[H, W, C]`.

    Args:
        bits: of a sample; None is the type's.
        photometric: None is RGB for three channels and "black is zero" else.
        planar: a plane a channel.
        packed: the pixels' bytes, where they are not the array's.
        more: further tags: type (3 short, 4 long, 11 float) and values.
    """
    order = ">" if big_endian else "<"
    height, width = values.shape[:2]
    channels = 1 if values.ndim == 2 else values.shape[2]
    planes = np.moveaxis(values, -1, 0) if planar else values
    pixels = packed or planes.astype(values.dtype.newbyteorder(order)).tobytes()
    strips = channels if planar else 1
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags: dict[int, tuple[int, list[Any]]] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits or values.dtype.itemsize * 8] * channels),
        259: (3, [1]),
        262: (3, [(2 if channels == 3 else 1) if photometric is None else photometric]),
        273: (4, [0] * strips),
        274: (3, [orientation]),
        277: (3, [channels]),
        278: (4, [height]),
        279: (4, [len(pixels) // strips] * strips),
        284: (3, [2 if planar else 1]),
        339: (3, [kind] * channels),
        **(more or {}),
    }
    place = 8 + 2 + 12 * len(tags) + 4
    places = {}
    for tag, (code, found) in sorted(tags.items()):
        if len(found) * _SIZES[code] > 4:
            places[tag] = place
            place += len(found) * _SIZES[code]
    tags[273] = (4, [place + n * (len(pixels) // strips) for n in range(strips)])
    head = (b"MM" if big_endian else b"II") + struct.pack(f"{order}HI", 42, 8)
    entries, tail = struct.pack(f"{order}H", len(tags)), b""
    for tag, (code, found) in sorted(tags.items()):
        content = struct.pack(f"{order}{_CODES[code] * len(found)}", *found)
        entries += struct.pack(f"{order}HHI", tag, code, len(found))
        if tag in places:
            entries += struct.pack(f"{order}I", places[tag])
            tail += content
        else:
            entries += content.ljust(4, b"\0")
    path.write_bytes(head + entries + struct.pack(f"{order}I", 0) + tail + pixels)
    return path
