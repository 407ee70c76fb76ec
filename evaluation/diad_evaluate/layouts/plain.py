"""A plain folder: `good/`, `defect/` and `masks/`, or these in a folder for each class.

Folders in `defect/` are kinds of defect. The mask of `defect/a.png` is `masks/a.png` or
`masks/a_mask.png`; of `defect/scratch/a.png` it is `masks/scratch/a.png` or the like.
"""

from collections.abc import Iterator
from pathlib import Path

from diad_evaluate.layouts.labelled import (
    GOOD,
    LabelledPicture,
    Layout,
    class_folders,
    folders_in,
    mask_beside,
    name_below,
    pictures_in,
)

DEFECT = "defect"
MASKS = "masks"


def find(folder: Path) -> list[LabelledPicture]:
    """The pictures of all classes, or of the one class that `folder` is."""
    roots = dict(class_folders(folder, GOOD)) | dict(class_folders(folder, DEFECT))
    return [
        picture
        for root, product in sorted(roots.items())
        for picture in (*_good(folder, root, product), *_defective(folder, root, product))
    ]


def _good(folder: Path, root: Path, product: str) -> Iterator[LabelledPicture]:
    for place in (root / GOOD, *folders_in(root / GOOD)):
        for path in pictures_in(place):
            yield LabelledPicture(
                path=path, name=name_below(folder, path), product=product, kind=GOOD
            )


def _defective(folder: Path, root: Path, product: str) -> Iterator[LabelledPicture]:
    whole = root / DEFECT
    for place in (whole, *folders_in(whole)):
        # a kind that is called good would turn the label round
        kind = DEFECT if place == whole or place.name == GOOD else place.name
        masks = root / MASKS / place.relative_to(whole)
        for path in pictures_in(place):
            yield LabelledPicture(
                path=path,
                name=name_below(folder, path),
                product=product,
                kind=kind,
                mask=mask_beside(masks, path.stem) or mask_beside(masks / DEFECT, path.stem),
            )


PLAIN = Layout(
    name="plain",
    title="plain folders",
    looks_for="good/ and defect/, or CLASS/good/ and CLASS/defect/",
    find=find,
)
