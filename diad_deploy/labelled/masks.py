"""Reading of masks: a file -> the defective pixels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from diad_deploy.arrays import BoolArray
from diad_deploy.errors import ImageError
from diad_deploy.images.formats.decode import read_samples
from diad_deploy.images.formats.lossy import is_lossy
from diad_deploy.images.formats.opening import LIMIT_PX
from diad_deploy.images.formats.samples import Samples


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mask:
    """The content of a mask file.

    Attributes:
        marked: the defective pixels, bool `[H, W]`.
        lossy: whether the compression changed values, so that they were thresholded at half of
            white.
    """

    marked: BoolArray
    lossy: bool

    def resized(self, size_px: int) -> BoolArray:
        """The defective pixels at the model's size, bool `[S, S]`.

        As in the published loaders and evaluation (`mvtecad_dataloader.py`,
        `visa_dataloader.py`, `utils/eval_helper.py`), the mask is resized with Pillow's bilinear
        filter, torchvision's default, and each pixel above 0 of 255 is then defective. Regions
        grow slightly at their borders.
        """
        grey = Image.fromarray(self.marked.astype(np.uint8) * 255)
        small = np.asarray(grey.resize((size_px, size_px), Image.Resampling.BILINEAR))
        return np.asarray(small > 0)


def read_mask(path: Path, *, image_size_px: tuple[int, int] | None) -> Mask:
    """Read a mask file.

    Any value but zero marks a pixel: masks of 0 and 1, instance numbers, any bit depth and colours
    mean the same as 0 and 255. Transparent pixels and NaN, which tools write for missing values,
    are not marked. With lossy compression, values above half of white are marked. That includes
    JPEG 2000 files with more than one marking value: even a reversible transform can be truncated
    to a file size, which leaves artefacts in the whole image.

    Args:
        path: the file.
        image_size_px: (height, width) of the image; None if they are not known.

    Raises:
        ImageError: the file cannot be read, has another size than the image, has several pages, or
            has 16 bits of which only the upper 8 can be read.
    """
    height, width = image_size_px or (0, 0)
    samples = read_samples(path, limit_px=max(LIMIT_PX, height * width))
    found = samples.values.shape[:2]
    if image_size_px not in (None, found):
        raise ImageError(
            str(path),
            f"the mask is {found[1]} x {found[0]} pixels and its image {width} x {height}; save "
            f"the mask at the size of the image",
        )
    if samples.note is not None:
        raise ImageError(
            str(path), f"the mask has several pages ({samples.note}); save it as one page"
        )
    lossy = is_lossy(path, samples.format)
    if samples.are_high_bytes and not lossy:
        raise ImageError(
            str(path),
            "16 bits with colour or transparency, of which only the upper 8 can be read, so that "
            "values below 256 would be lost; save the mask in grey without transparency, or with "
            "8 bits",
        )
    marked = _marked(samples, lossy=lossy)
    if samples.format == "JPEG2000" and not lossy and not _has_one_value(samples, marked):
        lossy, marked = True, _marked(samples, lossy=True)
    return Mask(marked=marked, lossy=lossy)


def _has_one_value(samples: Samples, marked: BoolArray) -> bool:
    """Whether all marked pixels have the same colour and transparency."""
    layers = [samples.values] if samples.alpha is None else [samples.values, samples.alpha]
    return all(bool((layer[marked] == layer[marked][:1]).all()) for layer in layers)


def _marked(samples: Samples, *, lossy: bool) -> BoolArray:
    """The marked pixels, bool `[H, W]`."""
    marked = _not_black(samples, lossy=lossy)
    if marked.ndim == 3:
        marked = np.asarray(marked.any(axis=-1))
    if samples.alpha is None:
        return marked
    opaque = np.iinfo(samples.alpha.dtype).max
    return np.asarray(marked & (samples.alpha > (opaque // 2 if lossy else 0)))


def _not_black(samples: Samples, *, lossy: bool) -> BoolArray:
    """Whether each value marks its pixel."""
    values = samples.values
    if lossy:
        white = 255.0 if samples.are_high_bytes else samples.white_of_type
        return np.asarray(values > white / 2)
    marked = np.asarray(values != (samples.white_of_type if samples.zero_is_white else 0))
    return marked & ~np.isnan(values) if samples.is_float else marked
