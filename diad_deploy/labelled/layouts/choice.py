"""The table of layouts, and how the layout of a folder is found."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from diad_deploy.errors import InputError, OptionError
from diad_deploy.labelled.labelled_image import LabelledImage
from diad_deploy.labelled.layouts.by_folders import BY_FOLDERS
from diad_deploy.labelled.layouts.layout import Layout
from diad_deploy.labelled.layouts.mvtec_3d import MVTEC_3D
from diad_deploy.labelled.layouts.mvtec_ad import MVTEC_AD
from diad_deploy.labelled.layouts.plain import PLAIN
from diad_deploy.labelled.layouts.visa import VISA

LAYOUTS: tuple[Layout, ...] = (MVTEC_3D, MVTEC_AD, VISA, PLAIN)
"""Layouts of test sets, in the order in which they are tried: a folder in MVTec-3D's layout is
also in MVTec-AD's."""

ANY_LAYOUT: tuple[Layout, ...] = (MVTEC_3D, VISA, BY_FOLDERS)
"""Layouts of any folder of images, with or without labels. `BY_FOLDERS` includes MVTec-AD's and
plain folders."""

AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSet:
    """Labelled images, grouped by class.

    Attributes:
        folder: the folder of the data set.
        layout: its layout.
        images: in the order in which they run.
    """

    folder: Path
    layout: Layout
    images: tuple[LabelledImage, ...]


def find_labelled_set(
    folder: Path,
    *,
    layout: str = AUTO,
    classes: tuple[str, ...] = (),
    layouts: Sequence[Layout] = LAYOUTS,
) -> LabelledSet:
    """The labelled images below `folder`.

    Args:
        folder: a data set, or one class of it.
        layout: the name of one of `layouts`; `auto` uses the first that finds images.
        classes: the classes to keep; empty keeps all.
        layouts: the layouts to choose from.

    Raises:
        InputError: `folder` is not a folder, has none of the layouts, or its table is damaged.
        OptionError: the layout or a class is unknown.
    """
    known = {each.name: each for each in layouts}
    if layout != AUTO and layout not in known:
        raise OptionError(f"--layout {layout}: expected {AUTO}, {', '.join(known)}")
    if not folder.is_dir():
        raise InputError(f"{folder}: expected the folder of a test set, found no folder")
    candidates = layouts if layout == AUTO else (known[layout],)
    for each in candidates:
        images = each.find(folder)
        if images:
            return LabelledSet(folder=folder, layout=each, images=_select(images, classes))
    expected = "; ".join(f"{each.title}: {each.looks_for}" for each in candidates)
    raise InputError(
        f"{folder}: found no test images in a known layout; expected {expected}; see "
        f"docs/formats/test-sets.md"
    )


def _select(images: list[LabelledImage], classes: tuple[str, ...]) -> tuple[LabelledImage, ...]:
    available = dict.fromkeys(image.product for image in images)
    unknown = [name for name in classes if name not in available]
    if unknown:
        raise OptionError(
            f"--class {', '.join(unknown)}: not in the data; expected one of {', '.join(available)}"
        )
    return tuple(image for image in images if not classes or image.product in classes)
