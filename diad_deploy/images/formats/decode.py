"""A file -> its samples, upright."""

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from diad_deploy.errors import ImageError
from diad_deploy.images.formats import jpeg, pages, png, tiff
from diad_deploy.images.formats.file_check import check_file, one_line
from diad_deploy.images.formats.layout import Layout, layout_of
from diad_deploy.images.formats.opening import LIMIT_PX, check_size, open_image
from diad_deploy.images.formats.raw import decode_raw
from diad_deploy.images.formats.samples import SampleArray, Samples, StatedWhite

_ORIENTATION = 0x0112
_FOURTH_BYTE_UNUSED = ("BMP", "DIB")
"""Formats in which an alpha of zero everywhere is a byte that nobody set."""


def read_samples(
    path: str | os.PathLike[str], *, limit_px: int = LIMIT_PX, raw: bool = True
) -> Samples:
    """Decode one image file, whatever its suffix says, and turn it upright.

    Of an animation and of several pages the first is taken. ICC profiles are ignored.

    Args:
        path: the file.
        limit_px: most pixels (width times height) to decode.
        raw: whether colours of 16 bits are needed as they are stored; else their high bytes do,
            unless the file says more of its white.

    Raises:
        ImageError: not there, not an image, damaged, too large, or of a kind that would be
            decoded wrongly; its reason is one line.
    """
    file = Path(path)
    try:
        check_file(file)
        with file.open("rb") as stream:
            return _read(file, stream, limit_px, raw=raw)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(
            str(file), "not an image, or of a kind that cannot be read; save it as PNG"
        ) from error
    except MemoryError as error:
        raise ImageError(str(file), "memory ran out while decoding; make it smaller") from error
    # decoders meet damaged bytes with nearly any kind of exception
    except Exception as error:
        reason = one_line(str(error)) or type(error).__name__
        raise ImageError(str(file), f"damaged or cut short ({reason}); copy it again") from error


def _read(path: Path, file: BinaryIO, limit_px: int, *, raw: bool) -> Samples:
    try:
        with open_image(path, file, limit_px) as image:
            return _decode(path, file, image, raw=raw)
    except UnidentifiedImageError:
        file.seek(0)
        if not tiff.is_tiff(file):
            raise
    except ValueError:
        file.seek(0)
        if not png.is_png(file):
            raise
        # megabytes of text or of a colour profile, which Pillow refuses; the pixels are whole
        pixels = png.without_metadata(path, file)
        with open_image(path, pixels, limit_px) as image:
            return _decode(path, pixels, image, raw=raw)
    tags = tiff.first_tags(file)
    check_size(tags.size, path, limit_px)
    return tiff.decode_other(path, file, tags)


def _decode(path: Path, file: BinaryIO, image: Image.Image, *, raw: bool) -> Samples:
    layout = layout_of(path, image, file)
    image.load()
    orientation = _turn_upright(image)
    found = _samples(path, image, layout)
    if image.format == "PNG":
        png.check_pixels(path, file)
    elif image.format in ("JPEG", "MPO"):
        file.seek(0)
        jpeg.check_jpeg(path, file.read(), image.mode)
    says_more = layout.stated or layout.significant_bits
    if layout.plain_colours and (raw or says_more):
        found = _with_raw_colours(path, found, file, image, orientation)
    if layout.significant_bits:
        found = _with_significant_bits(path, found, layout.significant_bits)
    return replace(found, note=pages.note_on(image))


def _turn_upright(image: Image.Image) -> int:
    """Apply the orientation in place, and give it; 1 where there is none."""
    # the pixels are decoded already: damaged EXIF costs the rotation, not the image
    with suppress(Exception):
        orientation = int(image.getexif().get(_ORIENTATION, 1))
        ImageOps.exif_transpose(image, in_place=True)
        return orientation
    return 1


def _samples(path: Path, image: Image.Image, layout: Layout) -> Samples:
    values, alpha = _arrays(path, image, layout)
    if alpha is not None and image.format in _FOURTH_BYTE_UNUSED and not alpha.any():
        alpha = None
    return Samples(
        values=values,
        alpha=alpha,
        format=str(image.format),
        white_of_type=layout.white_of_type,
        stated=layout.stated,
        zero_is_white=layout.zero_is_white,
    )


def _arrays(
    path: Path, image: Image.Image, layout: Layout
) -> tuple[SampleArray, SampleArray | None]:
    """Values `[H, W]` or `[H, W, 3]`, and alpha."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        if layout.unsigned_32:
            values = values.view(np.uint32)
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        transparent = image.info.get("transparency")
        if not isinstance(transparent, int):
            return values, None
        return values, np.where(values == transparent, 0, 255).astype(np.uint8)
    if image.mode == "LAB":
        raise ImageError(str(path), "colours in L*a*b*, which cannot be read; save it as RGB")
    if image.has_transparency_data:
        layers = np.asarray(image.convert("RGBA"))
        return layers[..., :3], layers[..., 3]
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB")), None


def _with_raw_colours(
    path: Path, found: Samples, file: BinaryIO, image: Image.Image, orientation: int
) -> Samples:
    values = decode_raw(file)
    if values is not None and image.format == "PNG":
        values = _upright(values, orientation)
    if values is None or values.shape != found.values.shape:
        reason = "colours of 16 bits, stored in a way of which only the high bytes can be read"
        raise ImageError(str(path), f"{reason}; save it as PNG")
    stated = found.stated
    if image.format == "PPM" and stated is not None:
        stated = replace(stated, scaled=False)
    return replace(found, values=values, stated=stated)


def _with_significant_bits(path: Path, found: Samples, bits: int) -> Samples:
    if found.are_high_bytes:
        scaled = found.peak() >= 2**bits
        if not scaled:
            raise ImageError(
                str(path),
                f"dark, or its {bits} bits lie at the bottom of 16: beside transparency only the "
                f"upper bits can be read; save it as PNG without transparency",
            )
    else:
        scaled = png.are_scaled(found.values, bits)
    stated = StatedWhite(value=2.0**bits - 1, source="the PNG's sBIT", scaled=scaled)
    return replace(found, stated=stated)


def _upright(values: SampleArray, orientation: int) -> SampleArray:
    """Turn `[H, W, ...]` by EXIF's orientation, 1 to 8."""
    turned = values.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else values
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    return turned
