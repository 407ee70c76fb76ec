"""MVTec-AD: `CLASS/test/KIND/*.png` and `CLASS/ground_truth/KIND/*_mask.png`."""

from collections.abc import Iterator
from pathlib import Path

from diad_deploy.images.classes import GOOD, MASK_FOLDERS, folder_key
from diad_deploy.labelled.labelled_image import LabelledImage
from diad_deploy.labelled.layouts.layout import (
    Layout,
    class_folders,
    folders_in,
    images_in,
    kind_of,
    name_below,
)
from diad_deploy.labelled.mask_files import find_mask, folders_called

TEST = ("test",)


def find(folder: Path) -> list[LabelledImage]:
    """The test images of a data set, or of one class of it."""
    return [
        image
        for root, product in class_folders(folder, lambda inner: bool(folders_called(inner, TEST)))
        for test in folders_called(root, TEST)
        for image in _images(folder, root, test, product)
    ]


def _images(folder: Path, root: Path, test: Path, product: str) -> Iterator[LabelledImage]:
    masks = [found for base in (root, test) for found in folders_called(base, MASK_FOLDERS)]
    for inner in folders_in(test):
        if folder_key(inner.name) in MASK_FOLDERS:
            continue
        kind = kind_of(inner)
        for path in images_in(inner):
            yield LabelledImage(
                path=path,
                name=name_below(folder, path),
                product=product,
                kind=kind,
                mask=None if kind == GOOD else find_mask(masks, (inner.name,), path.stem),
            )


MVTEC_AD = Layout(
    name="mvtec-ad",
    title="MVTec-AD",
    looks_for="CLASS/test/KIND/*.png",
    find=find,
)
