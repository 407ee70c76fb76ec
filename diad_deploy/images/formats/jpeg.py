"""Detection of damage in JPEG files that Pillow does not report."""

import re
from pathlib import Path

import simplejpeg

from diad_deploy.errors import ImageError
from diad_deploy.images.formats.opening import one_line

_END = b"\xff\xd9"
_SCAN = 0xDA
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xDA))
_METADATA = (*range(0xE0, 0xF0), 0xFE)
"""Application segments and comments, which are not needed to decode the pixels."""
_PADDING = re.compile(r"(\d+) extraneous bytes before marker 0x([0-9a-f]{2})")
_MAX_PADDINGS = 32


def check_jpeg(path: Path, content: bytes, mode: str) -> None:
    """Decode the file again, at an eighth of its size, and raise on the decoder's warnings.

    Pillow reads a file with missing data in the middle, and the pixels behind it are shifted. A
    run of equal bytes before a marker is accepted: some cameras pad their buffers with it.

    Args:
        path: for the message.
        content: the file's bytes.
        mode: Pillow's mode of the image.

    Raises:
        ImageError: the decoder warns of damage.
    """
    pixels = _without_metadata(content)
    colours = "CMYK" if mode == "CMYK" else "GRAY"
    for _ in range(_MAX_PADDINGS):
        try:
            simplejpeg.decode_jpeg(
                pixels, colorspace=colours, min_factor=8, min_width=1, min_height=1, strict=True
            )
        except ValueError as error:
            warning = str(error)
        else:
            return
        shorter = _without_padding(pixels, warning)
        if shorter is None:
            break
        pixels = shorter
    if "Corrupt JPEG data" in warning:
        raise ImageError(str(path), f"damaged ({one_line(warning)}); copy it again")


def _without_metadata(content: bytes) -> bytes:
    """The first image's tables and scans, without metadata before and data behind them."""
    kept = [content[:2]]
    place = 2
    while place + 4 <= len(content):
        marker = content[place + 1]
        if content[place] != 0xFF or marker in (0x00, 0xFF):
            place += 1  # padding between segments
            continue
        length = 2
        if marker not in _WITHOUT_LENGTH:
            length += int.from_bytes(content[place + 2 : place + 4], "big")
        if marker == _SCAN:
            end = content.find(_END, place + length)
            kept.append(content[place : None if end < 0 else end + len(_END)])
            break
        if marker not in _METADATA:
            kept.append(content[place : place + length])
        place += length
    return b"".join(kept)


def _without_padding(content: bytes, warning: str) -> bytes | None:
    """Remove the padding the decoder warns of; None if it warns of anything else."""
    found = _PADDING.search(warning)
    if found is None:
        return None
    count, marker = int(found[1]), bytes([0xFF, int(found[2], 16)])
    end = content.find(marker)
    while end >= 0:
        if end >= count and len(set(content[end - count : end])) == 1:
            return content[: end - count] + content[end:]
        end = content.find(marker, end + 1)
    return None
