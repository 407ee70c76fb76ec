"""A folder of pictures, with what its layout says of them: good or defective, and where.

Known layouts: MVTec-AD's (`test/good`, `test/KIND`, `ground_truth/KIND/NAME_mask.png`), a plain
one (`good`, any other folder, `masks` with the same relative paths), and pictures without labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from diad_deploy.arrays import PictureArray
from diad_deploy.errors import InputError
from diad_deploy.images import read_picture
from diad_deploy.picture_files import find_pictures

GOOD = "good"
MASK_FOLDERS = ("masks", "ground_truth")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPicture:
    """One picture file; `defective` and `mask` are None where the layout does not say.

    `mask` is the file that marks its defects; a good picture needs none.
    """

    path: Path
    name: str
    defective: bool | None
    mask: Path | None

    def read(self) -> PictureArray:
        """Decode it: uint8 `[H, W, 3]`. Raises `PictureError`."""
        return read_picture(self.path)

    def read_mask(self, size_px: int) -> npt.NDArray[np.bool_] | None:
        """Where it is defective, `[S, S]`; all false for a good one, None where nothing says."""
        if self.mask is not None:
            grey = Image.fromarray(read_picture(self.mask)).convert("L")
            small = grey.resize((size_px, size_px), Image.Resampling.NEAREST)
            return np.asarray(small) > 127
        return np.zeros((size_px, size_px), dtype=np.bool_) if self.defective is False else None


def find_labelled(
    folder: Path, *, masks: Path | None = None, most: int | None = None
) -> list[LabelledPicture]:
    """The pictures below `folder` in sorted order; `most` of them, evenly spread.

    Args:
        masks: the masks' folder; None looks for `masks` or `ground_truth` in `folder` or beside it.

    Raises:
        InputError: no pictures there.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of pictures; name one with --images")
    roots = [masks] if masks is not None else _mask_folders(folder)
    files = find_pictures([folder], exclude=roots)
    parents = [_relative(file.path, folder).parent.parts for file in files]
    labelled = any(GOOD in parts for parts in parents)
    pictures = [
        LabelledPicture(
            path=file.path,
            name=_relative(file.path, folder).as_posix(),
            defective=GOOD not in parts if labelled else None,
            mask=_mask_of(_relative(file.path, folder), roots) if GOOD not in parts else None,
        )
        for file, parts in zip(files, parents, strict=True)
    ]
    return _spread(pictures, most)


def _mask_folders(folder: Path) -> list[Path]:
    places = [place / name for place in (folder, folder.parent) for name in MASK_FOLDERS]
    return [place for place in places if place.is_dir()]


def _mask_of(relative: Path, roots: Sequence[Path]) -> Path | None:
    for root in roots:
        for name in (f"{relative.stem}_mask.png", f"{relative.stem}.png", relative.name):
            path = root / relative.parent / name
            if path.is_file():
                return path
    return None


def _relative(path: Path, folder: Path) -> Path:
    return path.absolute().relative_to(folder.absolute())


def _spread(pictures: list[LabelledPicture], most: int | None) -> list[LabelledPicture]:
    if most is None or most >= len(pictures):
        return pictures
    places = np.linspace(0, len(pictures) - 1, most).round().astype(int)
    return [pictures[place] for place in places]
