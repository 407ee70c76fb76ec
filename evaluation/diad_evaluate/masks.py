"""A mask file -> where its picture is defective, at the model's size."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from diad_deploy.errors import PictureError
from diad_deploy.images import read_picture

BoolArray = npt.NDArray[np.bool_]


def read_mask(path: Path, size_px: int, *, picture_size_px: tuple[int, int]) -> BoolArray:
    """Where the mask marks a defect: bool `[S, S]`.

    As the published loaders and evaluation do it (`mvtecad_dataloader.py`, `visa_dataloader.py`,
    `utils/eval_helper.py`): the mask is resized to S x S with Pillow's bilinear filter, which is
    torchvision's default, and each pixel that is then more than 0 of 255 is defective. So a region
    grows a little at its rim. What is not black counts as 255 before, so that masks of 0 and 1
    mean the same as those of 0 and 255.

    Args:
        path: the file.
        size_px: S.
        picture_size_px: (height, width) of its picture.

    Raises:
        PictureError: it cannot be read, or has another size than its picture.
    """
    marked = read_picture(path).any(axis=-1)
    if marked.shape != picture_size_px:
        (height, width), (wanted_height, wanted_width) = marked.shape, picture_size_px
        raise PictureError(
            str(path),
            f"the mask is {width} x {height} pixels and its picture {wanted_width} x "
            f"{wanted_height}; save it at the picture's size",
        )
    grey = Image.fromarray(marked.astype(np.uint8) * 255)
    small = np.asarray(grey.resize((size_px, size_px), Image.Resampling.BILINEAR))
    return np.asarray(small > 0)
