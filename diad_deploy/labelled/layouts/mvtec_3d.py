"""The RGB images of MVTec-3D: `CLASS/test/KIND/rgb/*.png` and `CLASS/test/KIND/gt/*.png`."""

from pathlib import Path

from diad_deploy.images.classes import GOOD
from diad_deploy.labelled.labelled_image import LabelledImage
from diad_deploy.labelled.layouts.layout import (
    Layout,
    class_folders,
    folders_in,
    images_in,
    kind_of,
    name_below,
)
from diad_deploy.labelled.layouts.mvtec_ad import TEST
from diad_deploy.labelled.mask_files import find_mask, folders_called


def find(folder: Path) -> list[LabelledImage]:
    """The test images of a data set, or of one class of it."""
    return [
        LabelledImage(
            path=path,
            name=name_below(folder, path),
            product=product,
            kind=kind_of(kind),
            mask=None
            if kind_of(kind) == GOOD
            else find_mask(folders_called(kind, ("gt",)), (), path.stem),
        )
        for root, product in class_folders(folder, lambda inner: bool(folders_called(inner, TEST)))
        for test in folders_called(root, TEST)
        for kind in folders_in(test)
        for rgb in folders_called(kind, ("rgb",))
        for path in images_in(rgb)
    ]


MVTEC_3D = Layout(
    name="mvtec-3d",
    title="MVTec-3D, RGB",
    looks_for="CLASS/test/KIND/rgb/*.png",
    find=find,
)
