"""MVTec-AD: `CLASS/test/KIND/*.png` and `CLASS/ground_truth/KIND/*_mask.png`."""

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


def find(folder: Path) -> list[LabelledPicture]:
    """The test pictures of all classes, or of the one class that `folder` is."""
    return [
        LabelledPicture(
            path=path,
            name=name_below(folder, path),
            product=product,
            kind=kind.name,
            mask=None
            if kind.name == GOOD
            else mask_beside(root / "ground_truth" / kind.name, path.stem),
        )
        for root, product in class_folders(folder, "test")
        for kind in folders_in(root / "test")
        for path in pictures_in(kind)
    ]


MVTEC_AD = Layout(
    name="mvtec-ad",
    title="MVTec-AD",
    looks_for="CLASS/test/KIND/*.png",
    find=find,
)
