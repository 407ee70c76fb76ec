"""Which layout a folder has."""

from dataclasses import dataclass
from pathlib import Path

from diad_deploy.errors import InputError, OptionError
from diad_deploy.labelled.layouts.labelled import LabelledImage, Layout
from diad_deploy.labelled.layouts.mvtec_3d import MVTEC_3D
from diad_deploy.labelled.layouts.mvtec_ad import MVTEC_AD
from diad_deploy.labelled.layouts.plain import PLAIN
from diad_deploy.labelled.layouts.visa import VISA

LAYOUTS: tuple[Layout, ...] = (MVTEC_3D, MVTEC_AD, VISA, PLAIN)
"""In the order in which they are tried: MVTec-3D's folders hold MVTec-AD's and more."""

AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSet:
    """Labelled images, those of a class one after another.

    Attributes:
        folder: where they lie.
        layout: how.
        images: in the order in which they run.
    """

    folder: Path
    layout: Layout
    pictures: tuple[LabelledImage, ...]


def find_labelled_set(
    folder: Path, *, layout: str = AUTO, classes: tuple[str, ...] = ()
) -> LabelledSet:
    """The test images below `folder`.

    Args:
        folder: a data set, or one class of it.
        layout: a name of `LAYOUTS`; `auto` takes the first that finds images.
        classes: the classes to keep; none keeps all.

    Raises:
        InputError: no such folder, no known layout (all are named), or a table that is damaged.
        OptionError: no such layout or class.
    """
    known = {each.name: each for each in LAYOUTS}
    if layout != AUTO and layout not in known:
        raise OptionError(f"--layout {layout}: expected {AUTO}, {', '.join(known)}")
    if not folder.is_dir():
        raise InputError(f"{folder}: expected the folder of a test set, found none")
    tried = LAYOUTS if layout == AUTO else (known[layout],)
    for each in tried:
        images = each.find(folder)
        if images:
            return LabelledSet(folder=folder, layout=each, pictures=_only(images, classes))
    looked = "; ".join(f"{each.title}: {each.looks_for}" for each in tried)
    raise InputError(
        f"{folder}: no test images in a known layout; looked for {looked}; see docs/formats.md"
    )


def _only(images: list[LabelledImage], classes: tuple[str, ...]) -> tuple[LabelledImage, ...]:
    there = dict.fromkeys(image.product for image in images)
    unknown = [name for name in classes if name not in there]
    if unknown:
        raise OptionError(
            f"--class {', '.join(unknown)}: not in the data; expected of {', '.join(there)}"
        )
    return tuple(image for image in images if not classes or image.product in classes)
