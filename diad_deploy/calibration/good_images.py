"""The good images that thresholds are set from, and the class of each."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from diad_deploy.calibration.false_alarm_rate import needed_images, reachable_rate
from diad_deploy.errors import InputError
from diad_deploy.images.discover import ImageFile, find_images
from diad_deploy.labelled.layouts.by_folders import FolderLabel, label_by_folders


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodImages:
    """The good images in a folder.

    Attributes:
        files: the images, in sorted order.
        classes: the class of each image; None where no folder names one.
        left_out: the number of images that are not labelled as good where others are, or are in
            folders of defects or masks.
        passed_over: the number of image files of unsupported formats, by suffix.
    """

    files: tuple[ImageFile, ...]
    classes: tuple[str | None, ...]
    left_out: int
    passed_over: Mapping[str, int] = field(default_factory=dict)


def find_good_images(folder: Path, *, class_name: str | None = None) -> GoodImages:
    """Find the good images in a folder, and their classes.

    The class is the outermost folder that is not a label or a split (`train`, `good` and so on):
    `CLASS/a.png`, `CLASS/good/a.png`, `CLASS/train/good/a.png`. Images in folders of defects (`ng`,
    `defect` and so on) are left out. If some images are labelled as good (`good`, `ok` and so
    on), so are all others, and beside any label so are masks. A whole data set can be given.

    Args:
        folder: the folder to search, to any depth.
        class_name: the class of all images, whatever their folders are.

    Raises:
        InputError: `folder` is not a folder, or contains no images, or only defects.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of good images, found no folder")
    found = find_images([folder])
    # a name starts with the given folder itself
    folders = [PurePosixPath(file.name).parts[1:-1] for file in found]
    labels = label_by_folders(folders, above=folder.resolve().name)
    places = _good_places(labels)
    if not places:
        raise InputError(
            f"{folder}: all {len(found)} images are in folders of defects; name the folder of "
            f"the good images"
        )
    return GoodImages(
        files=tuple(found[place] for place in places),
        classes=tuple(class_name or labels[place].product for place in places),
        left_out=len(found) - len(places),
        passed_over=found.passed_over,
    )


def _good_places(labels: Sequence[FolderLabel]) -> list[int]:
    """The indices of the good images."""
    places = list(range(len(labels)))
    # without any label, or without other images, `masks` can be the name of a class
    if any(label.good is not None for label in labels):
        places = [place for place in places if labels[place].masks_at is None] or places
    wanted = True if any(labels[place].good for place in places) else None
    return [place for place in places if labels[place].good is wanted]


def check_counts(
    folder: Path, classes: Iterable[str | None], rate: float, *, per_class: bool
) -> None:
    """Check that there are enough good images for the false-alarm rate.

    Args:
        folder: the folder of the images, for the message.
        classes: the class of each image.
        rate: the false-alarm rate.
        per_class: whether each class gets its own threshold.

    Raises:
        InputError: there are too few images in all or of a class; the message says how many are
            needed.
    """
    counts = Counter(classes)
    total, needed = counts.total(), needed_images(rate)
    if total < needed:
        raise InputError(
            f"{folder}: {total} good images, but a false-alarm rate of {rate:g} needs at least "
            f"{needed}; add more, or use --false-alarm-rate {_rate_for(total)} or higher"
        )
    few = {name: n for name, n in counts.items() if name is not None and n < needed}
    if per_class and few:
        found = ", ".join(f"{name} {count}" for name, count in sorted(few.items()))
        raise InputError(
            f"{folder}: a false-alarm rate of {rate:g} needs at least {needed} good images of "
            f"each class, found {found}; add more, or use --false-alarm-rate "
            f"{_rate_for(min(few.values()))} or higher, or --overall for one threshold from all "
            f"{total}"
        )


def _rate_for(images: int) -> str:
    """The lowest possible rate, rounded up so that it works when typed."""
    return f"{reachable_rate(images) + 5e-5:.4f}"
