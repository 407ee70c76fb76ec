"""Damage in a JPEG that its decoder passes over in silence."""

import re
from pathlib import Path

import simplejpeg

from diad_deploy.errors import PictureError

_END = b"\xff\xd9"
_PADDING = re.compile(r"(\d+) extraneous bytes before marker 0xd9")


def check_jpeg(path: Path, content: bytes, mode: str) -> None:
    """Decode the file once more, at an eighth of its size, with the decoder's warnings as errors.

    A hole in the middle of the pixels leaves a file that Pillow reads: what follows is shifted.

    Args:
        path: for the message.
        content: the file's bytes.
        mode: Pillow's, of the image.

    Raises:
        PictureError: the decoder warns of damage.
    """
    colours = "CMYK" if mode == "CMYK" else "GRAY"
    try:
        simplejpeg.decode_jpeg(
            content, colorspace=colours, min_factor=8, min_width=1, min_height=1, strict=True
        )
    except ValueError as error:
        if _is_padding(str(error), content) or "Corrupt JPEG data" not in str(error):
            return
        reason = " ".join(str(error).split())[:200]
        raise PictureError(str(path), f"damaged ({reason}); copy it again") from error


def _is_padding(warning: str, content: bytes) -> bool:
    """Whether the warning is of equal bytes before the end, with which cameras fill a buffer."""
    found = _PADDING.search(warning)
    if found is None:
        return False
    end = content.rfind(_END)
    return len(set(content[max(0, end - int(found[1])) : end])) <= 1
