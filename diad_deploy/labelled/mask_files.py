"""Where the mask of an image lies."""

from collections.abc import Collection, Sequence
from pathlib import Path

from diad_deploy.images.classes import LAYOUT_FOLDERS, folder_key
from diad_deploy.images.discover import SUFFIXES

_ENDINGS = tuple(
    f"{mark}{suffix}" for suffix in (".png", *sorted(SUFFIXES)) for mark in ("_mask", "")
)
"""What a mask's name has behind that of its image, in the order in which they are tried."""


def folders_called(folder: Path, names: Collection[str]) -> list[Path]:
    """The folders right in `folder` with one of these names, in any case, sorted.

    Args:
        folder: to look in; where it may not be listed, names count as they are written.
        names: as `folder_key` gives them.
    """
    try:
        there = sorted(path for path in folder.iterdir() if folder_key(path.name) in names)
    except OSError:
        there = [folder / name for name in sorted(names)]
    return [path for path in there if _is_folder(path)]


def find_mask(roots: Sequence[Path], folders: Sequence[str], stem: str) -> Path | None:
    """The mask of the image `stem` in `folders`, below one of the masks' own folders.

    Masks lie in the same folders as their images, or in these without what says `test` or
    `defect`: of `defect/dent/a.png` in `masks/defect/dent` or `masks/dent`.
    """
    places = [root.joinpath(*parts) for root in roots for parts in _parts(tuple(folders))]
    return next((mask for place in places if (mask := mask_in(place, stem))), None)


def _parts(folders: tuple[str, ...]) -> list[tuple[str, ...]]:
    """`folders` whole, without its first ones, and without any that are no kinds of defect."""
    found = [folders]
    while found[-1] and folder_key(found[-1][0]) in LAYOUT_FOLDERS:
        found.append(found[-1][1:])
    return [*found, tuple(name for name in folders if folder_key(name) not in LAYOUT_FOLDERS)]


def mask_in(folder: Path, stem: str) -> Path | None:
    """The mask of the image `stem` in `folder`: `STEM_mask.png`, or `STEM` with any suffix.

    Suffix and `_mask` in any case; of `STEM` the case counts, for `a` and `A` may be two images.
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
    except OSError:  # on the way lies a folder that may not be entered
        return False
