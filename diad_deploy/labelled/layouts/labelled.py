"""A test image with what its layout says of it, and what a layout is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from diad_deploy.errors import InputError
from diad_deploy.images.classes import GOOD, is_good, resolve_io_folders
from diad_deploy.images.discover import SUFFIXES


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledImage:
    """One image of a test set.

    Attributes:
        path: where it lies.
        name: its path below the data's folder, with forward slashes.
        product: its class.
        kind: the kind of defect, as the layout calls it; `good` for a good one.
        mask: the file that marks its defects; None where there is none. A good one needs none.
    """

    path: Path
    name: str
    product: str
    kind: str
    mask: Path | None = None

    @property
    def defective(self) -> bool:
        """Whether the layout says so."""
        return self.kind != GOOD


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One way to lay out test data.

    Attributes:
        name: as `--layout` takes it.
        title: as a person calls it.
        looks_for: the paths by which it is recognised.
        find: gives the images below a folder, in sorted order; none where it is another layout.
    """

    name: str
    title: str
    looks_for: str
    find: Callable[[Path], list[LabelledImage]]


def images_in(folder: Path) -> list[Path]:
    """The image files right in `folder`, sorted; none where it is no folder."""
    if not folder.is_dir():
        return []
    return [
        path
        for path in listed(folder)
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    ]


def folders_in(folder: Path) -> list[Path]:
    """The folders right in `folder`, sorted, without hidden ones."""
    if not folder.is_dir():
        return []
    return [path for path in listed(folder) if not path.name.startswith(".") and path.is_dir()]


def listed(folder: Path) -> list[Path]:
    """What lies in `folder`, sorted. Raises `InputError` where it may not be entered."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be listed: {error.strerror}; give the rights to read it"
        ) from error


def class_folders(folder: Path, marked: Callable[[Path], bool]) -> Iterator[tuple[Path, str]]:
    """The folders of classes and their names: `folder` itself where it is `marked`.

    Else each folder in it that is.
    """
    if marked(folder):
        yield folder, folder.resolve().name
        return
    for inner in folders_in(folder):
        if marked(inner):
            yield inner, inner.name


def kind_of(folder: Path) -> str:
    """The kind of defect that a folder of a test set holds; `good` for whatever means that."""
    [(name,)] = resolve_io_folders([(folder.name,)], above=folder.parent.name)
    return GOOD if is_good(name) else name


def name_below(folder: Path, path: Path) -> str:
    """`path` as the outputs call it."""
    return path.relative_to(folder).as_posix()
