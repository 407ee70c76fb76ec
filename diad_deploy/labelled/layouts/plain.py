"""Plain folders: `good/`, `defect/` and `masks/`, or a folder with these for each class.

`good` and `defect` can have other names such as `ok` and `ng`. A folder in `defect/` is a kind of
defect. The mask of `defect/a.png` is `masks/a.png` or `masks/a_mask.png`, and that of
`defect/scratch/a.png` is `masks/scratch/a.png`; `masks` can also be in `defect`.
"""

from collections.abc import Iterator
from pathlib import Path

from diad_deploy.images.classes import (
    DEFECT_FOLDERS,
    GOOD,
    GOOD_FOLDERS,
    IN_ORDER,
    MASK_FOLDERS,
    folder_key,
    is_good,
    label_from_folders,
    resolve_io_folders,
)
from diad_deploy.labelled.labelled_image import LabelledImage
from diad_deploy.labelled.layouts.layout import (
    Layout,
    class_folders,
    folders_in,
    images_in,
    name_below,
)
from diad_deploy.labelled.mask_files import find_mask, folders_called

LABELS = GOOD_FOLDERS | DEFECT_FOLDERS


def find(folder: Path) -> list[LabelledImage]:
    """The images of all classes, or of one class."""
    return [
        image
        for root, product in class_folders(folder, lambda inner: any(_label_folders(inner)))
        for image in _images(folder, root, product)
    ]


def _label_folders(root: Path) -> Iterator[tuple[Path, str]]:
    """The folders of good and of defective images in `root`, each with its label.

    A class can be called `normal` too: it then contains such folders itself.
    """
    found = folders_called(root, {*LABELS, IN_ORDER})
    named = resolve_io_folders([(place.name,) for place in found], above=root.resolve().name)
    for place, (label,) in zip(found, named, strict=True):
        key = folder_key(label)
        is_label = key in DEFECT_FOLDERS or key == GOOD
        if is_label or (key in GOOD_FOLDERS and not folders_called(place, LABELS)):
            yield place, label


def _images(folder: Path, root: Path, product: str) -> Iterator[LabelledImage]:
    masks = folders_called(root, MASK_FOLDERS)
    # good images first
    labels = sorted(_label_folders(root), key=lambda each: (not is_good(each[1]), each[0].name))
    for whole, label in labels:
        own_masks = folders_called(whole, MASK_FOLDERS)
        for place in (whole, *folders_in(whole)):
            if folder_key(place.name) in MASK_FOLDERS:
                continue
            inner = place.relative_to(whole).parts
            good = bool(label_from_folders((label, *inner)))
            # a kind of defect named `good` must not become a label
            plain = not inner or is_good(inner[0])
            kind = GOOD if good else folder_key(whole.name) if plain else place.name
            for path in images_in(place):
                yield LabelledImage(
                    path=path,
                    name=name_below(folder, path),
                    product=product,
                    kind=kind,
                    mask=None
                    if good
                    else find_mask(masks, (whole.name, *inner), path.stem)
                    or find_mask(own_masks, inner, path.stem),
                )


PLAIN = Layout(
    name="plain",
    title="plain folders",
    looks_for="good/ and defect/ (or ok/ and ng/ and so on), or CLASS/good/ and CLASS/defect/",
    find=find,
)
