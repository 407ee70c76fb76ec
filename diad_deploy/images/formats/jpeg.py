"""Damage in a JPEG that its decoder passes over in silence."""

import re
from pathlib import Path

import simplejpeg

from diad_deploy.errors import ImageError
from diad_deploy.images.formats.file_check import one_line

_END = b"\xff\xd9"
_SCAN = 0xDA
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xDA))
_REMARKS = (*range(0xE0, 0xF0), 0xFE)
"""Segments of programs, and comments: nothing of them is needed to decode the pixels."""
_FILLING = re.compile(r"(\d+) extraneous bytes before marker 0x([0-9a-f]{2})")
_MAX_FILLINGS = 32


def check_jpeg(path: Path, content: bytes, mode: str) -> None:
    """Decode the file once more, at an eighth of its size, with the decoder's warnings as errors.

    A hole in the middle of the pixels leaves a file that Pillow reads: what follows is shifted.
    Equal bytes before a marker are passed over: with these cameras fill their buffers.

    Args:
        path: for the message.
        content: the file's bytes.
        mode: Pillow's, of the image.

    Raises:
        ImageError: the decoder warns of damage.
    """
    pixels = _pixels_alone(content)
    colours = "CMYK" if mode == "CMYK" else "GRAY"
    for _ in range(_MAX_FILLINGS):
        try:
            simplejpeg.decode_jpeg(
                pixels, colorspace=colours, min_factor=8, min_width=1, min_height=1, strict=True
            )
        except ValueError as error:
            warning = str(error)
        else:
            return
        shorter = _without_filling(pixels, warning)
        if shorter is None:
            break
        pixels = shorter
    if "Corrupt JPEG data" in warning:
        raise ImageError(str(path), f"damaged ({one_line(warning)}); copy it again")


def _pixels_alone(content: bytes) -> bytes:
    """The first image's tables and scans, without what programs put before and behind them."""
    kept = [content[:2]]
    place = 2
    while place + 4 <= len(content):
        marker = content[place + 1]
        if content[place] != 0xFF or marker in (0x00, 0xFF):
            place += 1  # filling between segments
            continue
        length = 2
        if marker not in _WITHOUT_LENGTH:
            length += int.from_bytes(content[place + 2 : place + 4], "big")
        if marker == _SCAN:
            end = content.find(_END, place + length)
            kept.append(content[place : None if end < 0 else end + len(_END)])
            break
        if marker not in _REMARKS:
            kept.append(content[place : place + length])
        place += length
    return b"".join(kept)


def _without_filling(content: bytes, warning: str) -> bytes | None:
    """Without the equal bytes of which the decoder warns; None where it warns of others."""
    found = _FILLING.search(warning)
    if found is None:
        return None
    count, marker = int(found[1]), bytes([0xFF, int(found[2], 16)])
    end = content.find(marker)
    while end >= 0:
        if end >= count and len(set(content[end - count : end])) == 1:
            return content[: end - count] + content[end:]
        end = content.find(marker, end + 1)
    return None
