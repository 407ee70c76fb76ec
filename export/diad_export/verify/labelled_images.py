"""The images of a verification, with their labels and masks where they have some."""

from pathlib import Path

import numpy as np

from diad_deploy.errors import InputError
from diad_deploy.labelled.labelled_image import LabelledImage
from diad_deploy.labelled.layouts.by_folders import find_by_folders
from diad_deploy.labelled.layouts.choice import ANY_LAYOUT, find_labelled_set


def find_labelled(
    folder: Path, *, masks: Path | None = None, most: int | None = None
) -> list[LabelledImage]:
    """The images below `folder`, in any of the known layouts or none.

    Args:
        folder: the folder of the images.
        masks: the folder of the masks; None searches where the layout has them.
        most: the most images to return, evenly spread over all; None returns all.

    Raises:
        InputError: there are no images, or only masks.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of images; name one with --images")
    if masks is not None:
        images = find_by_folders(folder, masks=masks)
    else:
        images = list(find_labelled_set(folder, layouts=ANY_LAYOUT).images)
    if most is None or most >= len(images):
        return images
    places = np.linspace(0, len(images) - 1, most).round().astype(int)
    return [images[place] for place in places]
