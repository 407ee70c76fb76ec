"""A folder of images, with what its layout says of them: good or defective, and where.

Known layouts: MVTec-AD's (`test/good`, `test/KIND`, `ground_truth/KIND/NAME_mask.png`), a plain
one (`good`, any other folder, `masks` with the same relative paths), and images without labels.
Each may lie in folders of its own, with its masks; what lies in a folder of masks is no image.
`good` may be called `ok` or the like, in any case (`diad_deploy/images/classes.py`).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diad_deploy.arrays import BoolArray, ImageArray
from diad_deploy.errors import InputError
from diad_deploy.images.classes import (
    MASK_FOLDERS,
    label_from_folders,
    mask_folder_index,
    resolve_io_folders,
)
from diad_deploy.images.discover import find_images
from diad_deploy.images.formats.decode import read_samples
from diad_deploy.images.formats.opening import LIMIT_PX
from diad_deploy.images.reader import ImageReader
from diad_deploy.labelled.mask_files import find_mask, folders_called
from diad_deploy.labelled.mask_findings import CheckedMask, check_mask


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledImage:
    """One image file; `defective` and `mask` are None where the layout does not say.

    `mask` is the file that marks its defects; a good image needs none.
    """

    path: Path
    name: str
    defective: bool | None
    mask: Path | None

    def read(self, reader: ImageReader) -> ImageArray:
        """Decode it: uint8 `[H, W, 3]`. Raises `ImageError`."""
        return reader.read(self.path).pixels

    def check_mask(self, size_px: int, *, limit_px: int = LIMIT_PX) -> CheckedMask:
        """Where it is defective at the model's size, and what is to be said of its mask.

        Of a good image nothing is; neither is anything where nothing says what it is. Raises
        `ImageError` where the image cannot be read.
        """
        nothing = np.zeros((size_px, size_px), dtype=np.bool_)
        if self.defective is False:
            return CheckedMask(marked=nothing)
        if self.mask is None:
            return CheckedMask(findings=("missing",) if self.defective else ())
        height, width = read_samples(self.path, limit_px=limit_px, raw=False).values.shape[:2]
        judged = check_mask(self.mask, size_px, image_size_px=(height, width))
        if self.defective is None and "empty" in judged.findings:
            return CheckedMask(marked=nothing)
        return judged

    def read_mask(self, size_px: int) -> BoolArray | None:
        """Where it is defective, `[S, S]`; all false for a good one, None where nothing says."""
        return self.check_mask(size_px).marked


def find_labelled(
    folder: Path, *, masks: Path | None = None, most: int | None = None
) -> list[LabelledImage]:
    """The images below `folder` in sorted order; `most` of them, evenly spread.

    Args:
        masks: the masks' folder; None looks for `masks` or `ground_truth` in `folder`, beside it
            and in the folders below it.

    Raises:
        InputError: no images there, or masks only.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of images; name one with --images")
    roots = [masks] if masks is not None else _mask_folders(folder)
    found = find_images([folder], exclude=roots)
    places = [_relative(file.path, folder) for file in found]
    inner_masks = {root for place in places if (root := _masks_around(place)) is not None}
    places = [place for place in places if _masks_around(place) is None]
    if not places:
        raise InputError(f"{folder}: all {len(found)} images lie in folders of masks; name theirs")
    inner_roots = sorted(inner_masks) if masks is None else []
    named = resolve_io_folders(
        [place.parent.parts for place in places], above=folder.resolve().name
    )
    good = [label_from_folders(parts) for parts in named]
    # where some are good, those of any other folder are defective
    others = False if True in good else None
    images = []
    for place, label in zip(places, good, strict=True):
        label = others if label is None else label
        images.append(
            LabelledImage(
                path=folder / place,
                name=place.as_posix(),
                defective=None if label is None else not label,
                mask=None if label else _find_mask(folder, place, roots, inner_roots),
            )
        )
    return _spread(images, most)


def _mask_folders(folder: Path) -> list[Path]:
    places = (folder, folder.parent)
    return [found for place in places for found in folders_called(place, MASK_FOLDERS)]


def _masks_around(place: Path) -> Path | None:
    """The folder of masks that holds `place`, relative as that is; None where none does."""
    depth = mask_folder_index(place.parent.parts)
    return None if depth is None else Path(*place.parts[: depth + 1])


def _find_mask(
    folder: Path, place: Path, roots: list[Path], inner_roots: list[Path]
) -> Path | None:
    """The mask of `folder / place`; inner folders of masks count for what lies beside them."""
    mask = find_mask(roots, place.parent.parts, place.stem)
    for root in inner_roots:
        if mask is None and place.is_relative_to(root.parent):
            beside = place.parent.relative_to(root.parent).parts
            mask = find_mask([folder / root], beside, place.stem)
    return mask


def _relative(path: Path, folder: Path) -> Path:
    return path.absolute().relative_to(folder.absolute())


def _spread(images: list[LabelledImage], most: int | None) -> list[LabelledImage]:
    if most is None or most >= len(images):
        return images
    places = np.linspace(0, len(images) - 1, most).round().astype(int)
    return [images[place] for place in places]
