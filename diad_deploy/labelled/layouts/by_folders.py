"""Images in folders of any depth, labelled by the names of the folders.

`good`, any other folder beside it, and `masks` with the same folders as the images; MVTec-AD's
layout; either in a folder for each class; and images without labels. Which names mean what is in
`diad_deploy/images/classes.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from diad_deploy.errors import InputError
from diad_deploy.images.classes import (
    DEFECT,
    GOOD,
    MASK_FOLDERS,
    class_from_folders,
    folder_key,
    label_from_folders,
    mask_folder_index,
    resolve_io_folders,
)
from diad_deploy.images.discover import find_images
from diad_deploy.labelled.labelled_image import LabelledImage
from diad_deploy.labelled.layouts.layout import Layout
from diad_deploy.labelled.mask_files import find_mask, folders_called

_RGB = "rgb"
_BESIDE_RGB = frozenset({"gt", "xyz"})
"""MVTec-3D's masks and point clouds, which lie beside a folder `rgb`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderLabel:
    """What the folders around a file say about it.

    Attributes:
        good: whether they label it as good; None where none is a label.
        product: its class; None where none is a class.
        masks_at: the index of the folder of masks (or of MVTec-3D's point clouds) among them;
            None where the file is an image.
    """

    good: bool | None
    product: str | None
    masks_at: int | None


def label_by_folders(folders: Sequence[tuple[str, ...]], *, above: str) -> list[FolderLabel]:
    """Label files by the folders around them.

    Args:
        folders: the folders of each file, outermost first.
        above: the name of the folder that contains them all.
    """
    keys = [tuple(map(folder_key, parts)) for parts in folders]
    around_rgb = {parts[: parts.index(_RGB)] for parts in keys if _RGB in parts}
    return [
        FolderLabel(
            good=label_from_folders(named),
            product=class_from_folders(named),
            masks_at=_masks_at(parts, around_rgb),
        )
        for named, parts in zip(resolve_io_folders(folders, above=above), keys, strict=True)
    ]


def _masks_at(keys: tuple[str, ...], around_rgb: set[tuple[str, ...]]) -> int | None:
    masks = mask_folder_index(keys)
    if masks is not None:
        return masks
    places = (at for at, key in enumerate(keys) if key in _BESIDE_RGB and keys[:at] in around_rgb)
    return next(places, None)


def find_by_folders(folder: Path, *, masks: Path | None = None) -> list[LabelledImage]:
    """All images below `folder`, in sorted order.

    If some images are labelled as good, those in folders without a label are defective.

    Args:
        folder: the folder of the images.
        masks: the folder of the masks; None searches for `masks` and `ground_truth` in `folder`,
            beside it, and in the folders below it.

    Raises:
        InputError: there are no images, or only masks.
    """
    mask_folders = [masks] if masks is not None else _mask_folders(folder)
    base = folder.absolute()
    found = find_images([folder], exclude=mask_folders)
    places = [file.path.absolute().relative_to(base) for file in found]
    labels = label_by_folders([p.parent.parts for p in places], above=folder.resolve().name)
    inner_masks = {
        Path(*place.parts[: label.masks_at + 1])
        for place, label in zip(places, labels, strict=True)
        if masks is None and label.masks_at is not None
    }
    others_are_defective = any(label.good for label in labels if label.masks_at is None)
    images = [
        LabelledImage(
            path=folder / place,
            name=place.as_posix(),
            product=label.product or folder.resolve().name,
            kind=(kind := _kind(place, label.good, others_are_defective)),
            mask=None
            if kind == GOOD
            else _find_mask(folder, place, mask_folders, sorted(inner_masks)),
        )
        for place, label in zip(places, labels, strict=True)
        if label.masks_at is None
    ]
    if not images:
        raise InputError(
            f"{folder}: all {len(found)} images are in folders of masks; name the folder of the "
            f"images"
        )
    return images


def _kind(place: Path, good: bool | None, others_are_defective: bool) -> str:
    if good:
        return GOOD
    return (place.parent.name or DEFECT) if good is False or others_are_defective else ""


def _mask_folders(folder: Path) -> list[Path]:
    places = (folder, folder.parent)
    return [found for place in places for found in folders_called(place, MASK_FOLDERS)]


def _find_mask(
    folder: Path, place: Path, mask_folders: list[Path], inner_masks: list[Path]
) -> Path | None:
    """The mask of `folder / place`; an inner folder of masks serves the images beside it."""
    mask = find_mask(mask_folders, place.parent.parts, place.stem)
    for inner in inner_masks:
        if mask is None and place.is_relative_to(inner.parent):
            beside = place.parent.relative_to(inner.parent).parts
            mask = find_mask([folder / inner], beside, place.stem)
    return mask


BY_FOLDERS = Layout(
    name="by-folders",
    title="any folders",
    looks_for="images in folders of any depth",
    find=find_by_folders,
)
