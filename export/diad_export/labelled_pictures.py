"""A folder of pictures, with what its layout says of them: good or defective, and where.

Known layouts: MVTec-AD's (`test/good`, `test/KIND`, `ground_truth/KIND/NAME_mask.png`), a plain
one (`good`, any other folder, `masks` with the same relative paths), and pictures without labels.
`good` may be called `ok` or the like, in any case (`diad_deploy/picture_classes.py`).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diad_deploy.arrays import BoolArray, PictureArray
from diad_deploy.errors import InputError
from diad_deploy.images.decode import read_samples
from diad_deploy.images.opening import LIMIT_PX
from diad_deploy.images.reader import ImageReader
from diad_deploy.mask_files import find_mask, folders_called
from diad_deploy.mask_findings import JudgedMask, judge_mask
from diad_deploy.picture_classes import MASK_FOLDERS, good_by_folders
from diad_deploy.picture_files import find_pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPicture:
    """One picture file; `defective` and `mask` are None where the layout does not say.

    `mask` is the file that marks its defects; a good picture needs none.
    """

    path: Path
    name: str
    defective: bool | None
    mask: Path | None

    def read(self, reader: ImageReader) -> PictureArray:
        """Decode it: uint8 `[H, W, 3]`. Raises `PictureError`."""
        return reader.read(self.path).pixels

    def judge_mask(self, size_px: int, *, limit_px: int = LIMIT_PX) -> JudgedMask:
        """Where it is defective at the model's size, and what is to be said of its mask.

        Of a good picture nothing is; neither is anything where nothing says what it is. Raises
        `PictureError` where the picture cannot be read.
        """
        nothing = np.zeros((size_px, size_px), dtype=np.bool_)
        if self.defective is False:
            return JudgedMask(marked=nothing)
        if self.mask is None:
            return JudgedMask(findings=("missing",) if self.defective else ())
        height, width = read_samples(self.path, limit_px=limit_px, raw=False).values.shape[:2]
        judged = judge_mask(self.mask, size_px, picture_size_px=(height, width))
        if self.defective is None and "empty" in judged.findings:
            return JudgedMask(marked=nothing)
        return judged

    def read_mask(self, size_px: int) -> BoolArray | None:
        """Where it is defective, `[S, S]`; all false for a good one, None where nothing says."""
        return self.judge_mask(size_px).marked


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
    good = [good_by_folders(parts) for parts in parents]
    # where some are good, those of any other folder are defective
    others = False if True in good else None
    pictures = []
    for file, parts, label in zip(files, parents, good, strict=True):
        label = others if label is None else label
        pictures.append(
            LabelledPicture(
                path=file.path,
                name=_relative(file.path, folder).as_posix(),
                defective=None if label is None else not label,
                mask=None if label else find_mask(roots, parts, file.path.stem),
            )
        )
    return _spread(pictures, most)


def _mask_folders(folder: Path) -> list[Path]:
    places = (folder, folder.parent)
    return [found for place in places for found in folders_called(place, MASK_FOLDERS)]


def _relative(path: Path, folder: Path) -> Path:
    return path.absolute().relative_to(folder.absolute())


def _spread(pictures: list[LabelledPicture], most: int | None) -> list[LabelledPicture]:
    if most is None or most >= len(pictures):
        return pictures
    places = np.linspace(0, len(pictures) - 1, most).round().astype(int)
    return [pictures[place] for place in places]
