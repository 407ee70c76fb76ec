"""The file of an image's mask."""

from collections.abc import Collection, Sequence
from pathlib import Path

from diad_deploy.images.classes import LAYOUT_FOLDERS, folder_key
from diad_deploy.images.discover import SUFFIXES

_ENDINGS = tuple(
    f"{mark}{suffix}" for suffix in (".png", *sorted(SUFFIXES)) for mark in ("_mask", "")
)
"""What follows the image's name in the name of its mask, in the order in which it is tried."""


def folders_called(folder: Path, names: Collection[str]) -> list[Path]:
    """The folders directly in `folder` with one of these names, in any case, sorted.

    Args:
        folder: the folder to search; if it cannot be listed, the names are tried as written.
        names: the names in the form of `folder_key`.
    """
    try:
        found = sorted(path for path in folder.iterdir() if folder_key(path.name) in names)
    except OSError:
        found = [folder / name for name in sorted(names)]
    return [path for path in found if _is_folder(path)]


def find_mask(roots: Sequence[Path], folders: Sequence[str], stem: str) -> Path | None:
    """The mask of the image `stem` in `folders`; None where there is none.

    Masks are in the same folders as their images, with or without those that are labels or splits:
    the mask of `defect/dent/a.png` is in `masks/defect/dent` or `masks/dent`.

    Args:
        roots: the folders of masks.
        folders: the folders of the image, outermost first.
        stem: the image's file name without its suffix.
    """
    places = [root.joinpath(*parts) for root in roots for parts in _parts(tuple(folders))]
    return next((mask for place in places if (mask := mask_in(place, stem))), None)


def _parts(folders: tuple[str, ...]) -> list[tuple[str, ...]]:
    """`folders`, and the same without the leading and without all labels and splits."""
    found = [folders]
    while found[-1] and folder_key(found[-1][0]) in LAYOUT_FOLDERS:
        found.append(found[-1][1:])
    return [*found, tuple(name for name in folders if folder_key(name) not in LAYOUT_FOLDERS)]


def mask_in(folder: Path, stem: str) -> Path | None:
    """The mask of the image `stem` in `folder`: `STEM_mask.png`, or `STEM` with any suffix.

    Only the case of `STEM` matters: `a` and `A` can be two images.
    """
    if not _is_folder(folder):
        return None
    for ending in _ENDINGS:
        if (folder / f"{stem}{ending}").is_file():
            return folder / f"{stem}{ending}"
    try:
        names = sorted(path.name for path in folder.iterdir() if path.name.startswith(stem))
    except OSError:
        return None
    endings = {name[len(stem) :].lower(): folder / name for name in names}
    masks = (endings[ending] for ending in _ENDINGS if ending in endings)
    return next((mask for mask in masks if mask.is_file()), None)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a folder above it cannot be entered
        return False
