"""The good images that thresholds are set from, and the class of each."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from diad_deploy.calibration.false_alarm_rate import needed_images, reachable_rate
from diad_deploy.errors import InputError
from diad_deploy.images.classes import (
    class_from_folders,
    label_from_folders,
    mask_folder_index,
    resolve_io_folders,
)
from diad_deploy.images.discover import ImageFile, find_images


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodImages:
    """What lies in a folder of good images.

    Attributes:
        files: the images, in sorted order.
        classes: of each; None where no folder says it.
        left_out: how many lie outside the folders of good parts, where there are such, or in
            folders of defects or masks.
        passed_over: files that are images of a kind that is not read, by suffix.
    """

    files: tuple[ImageFile, ...]
    classes: tuple[str | None, ...]
    left_out: int
    passed_over: Mapping[str, int] = field(default_factory=dict)


def find_good(folder: Path, *, class_name: str | None = None) -> GoodImages:
    """The images of a folder and their classes.

    A class is the first folder below that does not say what images are for (`train`, `good` and
    the like): `CLASS/a.png`, `CLASS/good/a.png`, `CLASS/train/good/a.png`. Where a folder is
    called `good`, `ok` or the like, images outside such folders are left out, and folders of
    defects (`ng`, `defect` and the like) always are, and beside either folders of masks, so that
    a whole data set can be given.

    Args:
        folder: to any depth.
        class_name: the class of all of them, whatever the folders say.

    Raises:
        InputError: it is no folder, or holds no images, or defects only.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of good images, found no folder")
    found = find_images([folder])
    # the first part of a name is the folder given
    folders = resolve_io_folders(
        [PurePosixPath(file.name).parts[1:-1] for file in found], above=folder.resolve().name
    )
    places = _good_places(folders)
    if not places:
        raise InputError(
            f"{folder}: all {len(found)} images lie in folders of defects; name the folder of "
            f"the good ones"
        )
    return GoodImages(
        files=tuple(found[place] for place in places),
        classes=tuple(class_name or class_from_folders(folders[place]) for place in places),
        left_out=len(found) - len(places),
        passed_over=found.passed_over,
    )


def _good_places(folders: Sequence[tuple[str, ...]]) -> list[int]:
    """Which images are good, by the folders of each."""
    labels = dict(enumerate(map(label_from_folders, folders)))
    # beside labels, masks are masks; without, and alone, it may be what a class is called
    if set(labels.values()) != {None}:
        no_masks = {
            at: label for at, label in labels.items() if mask_folder_index(folders[at]) is None
        }
        labels = no_masks or labels
    wanted = True if True in labels.values() else None
    return [place for place, label in labels.items() if label is wanted]


def check_counts(
    folder: Path, classes: Iterable[str | None], rate: float, *, per_class: bool
) -> None:
    """Raise where thresholds cannot be set for this rate from images of these classes.

    Raises:
        InputError: too few images of a class, or of all; says how many are needed.
    """
    counts = Counter(classes)
    total, needed = counts.total(), needed_images(rate)
    if total < needed:
        raise InputError(
            f"{folder}: {total} good images, but a false-alarm rate of {rate:g} needs at least "
            f"{needed}; take more, or --false-alarm-rate {_shown(total)} or higher"
        )
    few = {name: n for name, n in counts.items() if name is not None and n < needed}
    if per_class and few:
        found = ", ".join(f"{name} {count}" for name, count in sorted(few.items()))
        raise InputError(
            f"{folder}: a false-alarm rate of {rate:g} needs at least {needed} good images of "
            f"each class, found {found}; take more, or --false-alarm-rate "
            f"{_shown(min(few.values()))} or higher, or --overall for one threshold from all "
            f"{total}"
        )


def _shown(images: int) -> str:
    """The smallest rate that works, rounded up so that it does when typed."""
    return f"{reachable_rate(images) + 5e-5:.4f}"
