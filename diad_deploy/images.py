"""Picture files are decoded to what a viewer shows."""

import os
import stat
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from diad_deploy.arrays import FloatArray, PictureArray
from diad_deploy.errors import PictureError

LIMIT_PX = 178_956_970
"""Most pixels that are decoded: twice Pillow's warning level, 0.5 GB of RGB."""

FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Tried by content, in Pillow's names. Others stay closed: EPS would start a program, and TGA has
no mark of its own, so that damaged files of any kind pass for it."""

_SIXTEEN_BIT_MAX = 65535
_TIFF_SAMPLE_FORMAT = 339
_TIFF_SIGNED = 2
_WHITE = (255, 255, 255, 255)


def read_picture(path: str | os.PathLike[str], *, limit_px: int = LIMIT_PX) -> PictureArray:
    """Decode one picture file, whatever its suffix says, to what a viewer shows.

    EXIF rotation is applied. Alpha and transparent colours are laid over white. Of an animation
    the first frame is taken. Greyscale, palette, CMYK and the like become RGB. 16-bit greyscale
    is divided by 257; 32-bit integers by 257 too as long as all fit in 16 bits, else by the
    type's range; of floats those within 0..1, 0..255 or 0..65535 are taken for that range, any
    others are divided by the largest. ICC profiles are ignored.

    Args:
        path: the file.
        limit_px: most pixels (width times height) to decode.

    Returns:
        uint8 `[H, W, 3]` RGB.

    Raises:
        PictureError: not there, not a picture, damaged or too large; its reason is one line.
    """
    file = Path(path)
    try:
        _check_file(file)
        with Image.open(file, formats=_formats()) as image:
            _check_size(image, file, limit_px)
            image.load()
            _turn_upright(image)
            return _to_rgb(image)
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(str(file), _too_large(limit_px)) from error
    except UnidentifiedImageError as error:
        raise PictureError(
            str(file), "not a picture, or of a kind that cannot be read; save it as PNG"
        ) from error
    except MemoryError as error:
        raise PictureError(str(file), "memory ran out while decoding; make it smaller") from error
    # decoders meet damaged bytes with nearly any kind of exception
    except Exception as error:
        raise PictureError(str(file), _damage(error)) from error


def _check_file(path: Path) -> None:
    """Raise `PictureError` unless `path` is a plain file with something in it."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise PictureError(str(path), "no such file") from None
    except (OSError, ValueError) as error:
        raise PictureError(str(path), _unreadable(error)) from error
    if stat.S_ISDIR(found.st_mode):
        entered = os.access(path, os.R_OK | os.X_OK)
        kind = "a folder" if entered else "a folder that may not be entered"
        raise PictureError(str(path), f"{kind}, expected a picture file")
    if not stat.S_ISREG(found.st_mode):
        raise PictureError(str(path), "a device or pipe, expected a picture file")
    if found.st_size == 0:
        raise PictureError(str(path), "the file is empty; copy it again")
    try:
        path.open("rb").close()
    except OSError as error:
        raise PictureError(str(path), _unreadable(error)) from error


def _check_size(image: Image.Image, path: Path, limit_px: int) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise PictureError(str(path), f"{width} x {height} pixels: there is nothing to see")
    if width * height > limit_px:
        raise PictureError(str(path), f"{width} x {height} pixels: {_too_large(limit_px)}")


@cache
def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this build of Pillow has."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _turn_upright(image: Image.Image) -> None:
    """Apply EXIF rotation in place, which keeps the format and tags that a copy would lose."""
    # the pixels are decoded already: damaged EXIF costs the rotation, not the picture
    with suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)


def _to_rgb(image: Image.Image) -> PictureArray:
    if image.mode.startswith("I") or image.mode == "F":
        return _grey_to_rgb(_grey_to_eight_bits(image))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, _WHITE), layer)
    return np.array(image.convert("RGB"), dtype=np.uint8)


def _grey_to_eight_bits(image: Image.Image) -> PictureArray:
    """Greyscale of more than 8 bits -> uint8 `[H, W]`."""
    values = np.asarray(image)
    divisor = _float_range(values) if image.mode == "F" else _integer_range(image, values)
    if image.mode == "F":
        values = np.nan_to_num(values, nan=0.0)
    elif divisor > np.iinfo(np.int32).max:
        values = values.view(np.uint32)
    unit = values.astype(np.float64) / divisor
    grey = np.rint(np.clip(unit, 0.0, 1.0) * 255.0).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return grey


def _integer_range(image: Image.Image, values: npt.NDArray[np.integer]) -> int:
    """The value that is white."""
    if image.mode != "I" or image.format != "TIFF":
        return _SIXTEEN_BIT_MAX
    tags = getattr(image, "tag_v2", {})
    signed = tags.get(_TIFF_SAMPLE_FORMAT, (1,))[0] == _TIFF_SIGNED
    if values.max() <= _SIXTEEN_BIT_MAX and (signed or values.min() >= 0):
        return _SIXTEEN_BIT_MAX
    return int(np.iinfo(np.int32 if signed else np.uint32).max)


def _float_range(values: FloatArray) -> float:
    """The value that is white."""
    finite = values[np.isfinite(values)]
    largest = float(finite.max()) if finite.size else 0.0
    return next((top for top in (1.0, 255.0, float(_SIXTEEN_BIT_MAX)) if largest <= top), largest)


def _grey_to_rgb(grey: PictureArray) -> PictureArray:
    return np.repeat(grey[:, :, np.newaxis], 3, axis=2)


def _too_large(limit_px: int) -> str:
    return f"too large, the limit is {limit_px / 1e6:.0f} megapixels; make it smaller"


def _unreadable(error: OSError | ValueError) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    return f"cannot be opened: {_one_line(reason)}"


def _damage(error: Exception) -> str:
    return f"damaged or cut short ({_one_line(str(error)) or type(error).__name__}); copy it again"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
