"""What a layout of a data set is, and how layouts list folders."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from diad_deploy.errors import InputError
from diad_deploy.images.classes import GOOD, MASK_FOLDERS, folder_key, is_good, resolve_io_folders
from diad_deploy.images.discover import SUFFIXES
from diad_deploy.labelled.labelled_image import LabelledImage


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A way to arrange labelled images in folders.

    Attributes:
        name: the name in `--layout`.
        title: the name in messages.
        looks_for: the paths that identify the layout, for messages.
        find: lists the images below a folder in sorted order; empty for any other layout.
    """

    name: str
    title: str
    looks_for: str
    find: Callable[[Path], list[LabelledImage]]


def images_in(folder: Path) -> list[Path]:
    """The image files directly in `folder`, sorted; empty if it is not a folder."""
    if not folder.is_dir():
        return []
    return [
        path
        for path in list_folder(folder)
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    ]


def folders_in(folder: Path) -> list[Path]:
    """The folders directly in `folder`, sorted, without hidden ones; empty if it is no folder."""
    if not folder.is_dir():
        return []
    return [path for path in list_folder(folder) if not path.name.startswith(".") and path.is_dir()]


def list_folder(folder: Path) -> list[Path]:
    """The entries of `folder`, sorted. Raises `InputError` if it cannot be listed."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be listed: {error.strerror}; grant read permission"
        ) from error


def class_folders(folder: Path, is_class: Callable[[Path], bool]) -> Iterator[tuple[Path, str]]:
    """The folder and the name of each class.

    `folder` itself where it is a class, else the folders in it that are. Beside other classes a
    folder of masks is not one, even if it contains the same folders.
    """
    if is_class(folder):
        yield folder, folder.resolve().name
        return
    found = [inner for inner in folders_in(folder) if is_class(inner)]
    classes = [inner for inner in found if folder_key(inner.name) not in MASK_FOLDERS]
    for inner in classes or found:
        yield inner, inner.name


def kind_of(folder: Path) -> str:
    """The kind of defect in a folder of a test set; `good` for any name of good images."""
    [(name,)] = resolve_io_folders([(folder.name,)], above=folder.parent.name)
    return GOOD if is_good(name) else name


def name_below(folder: Path, path: Path) -> str:
    """The name of the image `path` in the outputs: its path relative to `folder`."""
    return path.relative_to(folder).as_posix()
