"""A mask file -> where its image is defective."""

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
    """What a mask file marks.

    Attributes:
        marked: bool `[H, W]`.
        lossy: whether its format changed values, so that it was cut at half of white.
    """

    marked: BoolArray
    lossy: bool

    def resized(self, size_px: int) -> BoolArray:
        """Where it marks a defect at the model's size, bool `[S, S]`.

        As the published loaders and evaluation do it (`mvtecad_dataloader.py`,
        `visa_dataloader.py`, `utils/eval_helper.py`): the mask is resized to S x S with Pillow's
        bilinear filter, which is torchvision's default, and each pixel that is then more than 0
        of 255 is defective. So a region grows a little at its rim.
        """
        grey = Image.fromarray(self.marked.astype(np.uint8) * 255)
        small = np.asarray(grey.resize((size_px, size_px), Image.Resampling.BILINEAR))
        return np.asarray(small > 0)


def read_mask(path: Path, *, image_size_px: tuple[int, int] | None) -> Mask:
    """Read a mask file.

    What is transparent is not marked. Else any value but zero is, so that masks of 0 and 1,
    numbers of instances, of any number of bits, and colours mean the same as 0 and 255; NaN, which
    tools write where there is no value, is not. Where the format stores values with loss, what
    lies above half of white is marked. So it is in a JPEG 2000 with more than one value that
    marks: that says of its transformation that it loses nothing, and may have been cut short to a
    size, which leaves traces all over it.

    Args:
        path: the file.
        image_size_px: (height, width) of its image; None where that is not known.

    Raises:
        ImageError: it cannot be read, has another size than its image, several pages, or 16
            bits of which only the upper 8 are read.
    """
    height, width = image_size_px or (0, 0)
    samples = read_samples(path, limit_px=max(LIMIT_PX, height * width))
    found = samples.values.shape[:2]
    if image_size_px not in (None, found):
        raise ImageError(
            str(path),
            f"the mask is {found[1]} x {found[0]} pixels and its image {width} x {height}; save "
            f"it at the image's size",
        )
    if samples.note is not None:
        raise ImageError(
            str(path), f"the mask has several pages ({samples.note}); save one that marks all"
        )
    lossy = is_lossy(path, samples.format)
    if samples.are_high_bytes and not lossy:
        raise ImageError(
            str(path),
            "16 bits in colours or beside transparency, of which only the upper 8 can be read: "
            "values under 256 would mark nothing; save the mask in grey without transparency, or "
            "with 8 bits",
        )
    marked = _marked(samples, lossy=lossy)
    if samples.format == "JPEG2000" and not lossy and not _has_one_value(samples, marked):
        lossy, marked = True, _marked(samples, lossy=True)
    return Mask(marked=marked, lossy=lossy)


def _has_one_value(samples: Samples, marked: BoolArray) -> bool:
    """Whether all that is marked has one colour and one transparency."""
    layers = [samples.values] if samples.alpha is None else [samples.values, samples.alpha]
    return all(bool((layer[marked] == layer[marked][:1]).all()) for layer in layers)


def _marked(samples: Samples, *, lossy: bool) -> BoolArray:
    """Bool `[H, W]`."""
    marked = _not_black(samples, lossy=lossy)
    if marked.ndim == 3:
        marked = np.asarray(marked.any(axis=-1))
    if samples.alpha is None:
        return marked
    most = np.iinfo(samples.alpha.dtype).max
    return np.asarray(marked & (samples.alpha > (most // 2 if lossy else 0)))


def _not_black(samples: Samples, *, lossy: bool) -> BoolArray:
    """Of each value, whether it marks."""
    values = samples.values
    if lossy:
        white = 255.0 if samples.are_high_bytes else samples.white_of_type
        return np.asarray(values > white / 2)
    marked = np.asarray(values != (samples.white_of_type if samples.zero_is_white else 0))
    return marked & ~np.isnan(values) if samples.is_float else marked
