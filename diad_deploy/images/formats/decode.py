"""Decode an image file to its samples, in upright orientation."""

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from diad_deploy.errors import ImageError
from diad_deploy.images.formats import jpeg, pages, png, tiff
from diad_deploy.images.formats.layout import Layout, read_layout
from diad_deploy.images.formats.opening import (
    LIMIT_PX,
    check_size,
    one_line,
    open_file,
    open_image,
)
from diad_deploy.images.formats.raw import decode_raw
from diad_deploy.images.formats.samples import SampleArray, Samples, StatedWhite

_ORIENTATION = 0x0112
_FOURTH_BYTE_UNUSED = ("BMP", "DIB")
"""Formats in which an alpha of zero everywhere is an unused byte."""


def read_samples(
    path: str | os.PathLike[str], *, limit_px: int = LIMIT_PX, raw: bool = True
) -> Samples:
    """Decode an image file by its content, whatever its suffix, in upright orientation.

    Only the first frame or page is read. ICC profiles are ignored.

    Args:
        path: the file.
        limit_px: largest number of pixels (width times height) to decode.
        raw: whether 16-bit colours are needed as stored. If not, their high bytes are enough,
            unless the file states its white level.

    Raises:
        ImageError: the file is missing, not an image, damaged, too large, or in a format that
            would be decoded incorrectly; the reason is one line.
    """
    file = Path(path)
    try:
        with open_file(file) as stream:
            return _read(file, stream, limit_px, raw=raw)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(
            str(file), "not an image, or in an unsupported format; save it as PNG"
        ) from error
    except MemoryError as error:
        raise ImageError(str(file), "out of memory while decoding; resize it") from error
    # on damaged data, decoders raise nearly any kind of exception
    except Exception as error:
        reason = one_line(str(error)) or type(error).__name__
        raise ImageError(str(file), f"damaged or truncated ({reason}); copy it again") from error


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
        # Pillow rejects megabytes of text or of a colour profile; the pixels are intact
        pixels = png.without_metadata(path, file)
        with open_image(path, pixels, limit_px) as image:
            return _decode(path, pixels, image, raw=raw)
    tags = tiff.parse_first_tags(file)
    check_size(tags.size, path, limit_px)
    return tiff.decode_other(path, file, tags)


def _decode(path: Path, file: BinaryIO, image: Image.Image, *, raw: bool) -> Samples:
    layout = read_layout(path, image, file)
    image.load()
    orientation = _turn_upright(image)
    samples = _samples(path, image, layout)
    if image.format == "PNG":
        png.check_pixels(path, file)
    elif image.format in ("JPEG", "MPO"):
        file.seek(0)
        jpeg.check_jpeg(path, file.read(), image.mode)
    states_white = layout.stated or layout.significant_bits
    if layout.is_rgb16 and (raw or states_white):
        samples = _with_raw_colours(path, samples, file, image, orientation)
    if layout.significant_bits:
        samples = _with_significant_bits(path, samples, layout.significant_bits)
    return replace(samples, note=pages.describe_unread(image))


def _turn_upright(image: Image.Image) -> int:
    """Apply the EXIF orientation in place and return it; 1 if there is none."""
    # the pixels are already decoded: damaged EXIF data costs the rotation, not the image
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
    """Values `[H, W]` or `[H, W, 3]`, and alpha `[H, W]`."""
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
        raise ImageError(str(path), "L*a*b* colours are not supported; save it as RGB")
    if image.has_transparency_data:
        layers = np.asarray(image.convert("RGBA"))
        return layers[..., :3], layers[..., 3]
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB")), None


def _with_raw_colours(
    path: Path, samples: Samples, file: BinaryIO, image: Image.Image, orientation: int
) -> Samples:
    values = decode_raw(file)
    if values is not None and image.format == "PNG":
        values = _upright(values, orientation)
    if values is None or values.shape != samples.values.shape:
        reason = "16-bit colours in an encoding of which only the high bytes can be read"
        raise ImageError(str(path), f"{reason}; save it as PNG")
    stated = samples.stated
    if image.format == "PPM" and stated is not None:
        stated = replace(stated, scaled=False)
    return replace(samples, values=values, stated=stated)


def _with_significant_bits(path: Path, samples: Samples, bits: int) -> Samples:
    if samples.are_high_bytes:
        scaled = samples.peak() >= 2**bits
        if not scaled:
            raise ImageError(
                str(path),
                f"dark, or its {bits} bits are the lower ones of 16, and with transparency only "
                f"the upper ones can be read; save it as PNG without transparency",
            )
    else:
        scaled = png.are_scaled(samples.values, bits)
    stated = StatedWhite(value=2.0**bits - 1, source="the PNG's sBIT", scaled=scaled)
    return replace(samples, stated=stated)


def _upright(values: SampleArray, orientation: int) -> SampleArray:
    """Apply an EXIF orientation, 1 to 8, to `[H, W, ...]`."""
    turned = values.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else values
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    return turned
