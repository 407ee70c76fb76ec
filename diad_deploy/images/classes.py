"""Labels and classes of images, from the names of their folders."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path, PurePath

GOOD = "good"
"""The label of good images in the outputs, whatever their folder is called."""

GOOD_FOLDERS = frozenset(
    {GOOD, "ok", "okay", "normal", "pass", "passed"}
    | {"anomaly_free", "defect_free", "no_defect", "no_defects", "non_defective"}
)
"""Folders of good parts. All lists here ignore case and dots; `-` and a space equal `_`."""

DEFECT = "defect"

DEFECT_FOLDERS = frozenset(
    {DEFECT, "defects", "defective", "faulty", "bad", "ng", "nok", "ko", "nio", "not_ok"}
    | {"not_good", "no_good", "anomaly", "anomalies", "anomalous", "abnormal", "fail", "failed"}
    | {"reject", "rejects", "rejected"}
)
"""Folders of defective parts, whatever the defect."""

IN_ORDER, NOT_IN_ORDER = "io", "nio"
"""German for good and defective. A class may also be called `io`; see `resolve_io_folders`."""

SPLIT_FOLDERS = frozenset({"test", "train", "val", "validation"})

MASK_FOLDERS = frozenset({"masks", "ground_truth"})

LAYOUT_FOLDERS = GOOD_FOLDERS | DEFECT_FOLDERS | SPLIT_FOLDERS
"""Folders of a data set's layout, which are not classes."""


def folder_key(name: str) -> str:
    """The name of a folder as spelled in the lists here."""
    return name.lower().replace("-", "_").replace(" ", "_").replace(".", "")


def is_good(folder: str) -> bool:
    """Whether a folder of this name holds good parts."""
    return folder_key(folder) in GOOD_FOLDERS


def label_from_folders(folders: Sequence[str]) -> bool | None:
    """Whether an image in `folders`, outermost first, is good; None if no folder is a label.

    A defect folder takes precedence over a good one. Folders above a split are ignored (in
    `normal/test/scratch`, `normal` is not the label), except for `good`.
    """
    keys = [folder_key(name) for name in folders]
    split = max((place for place, key in enumerate(keys) if key in SPLIT_FOLDERS), default=-1)
    counted = keys[split + 1 :] or keys
    if not DEFECT_FOLDERS.isdisjoint(counted):
        return False
    return True if GOOD in keys or not GOOD_FOLDERS.isdisjoint(counted) else None


def mask_folder_index(folders: Sequence[str]) -> int | None:
    """The index of the first of `folders` that contains masks; None if there is none."""
    keys = map(folder_key, folders)
    return next((place for place, key in enumerate(keys) if key in MASK_FOLDERS), None)


def resolve_io_folders(folders: Sequence[tuple[str, ...]], *, above: str) -> list[tuple[str, ...]]:
    """The folders of each image, with `io` replaced by `good` where it is a label.

    It is one next to `nio`, and directly below a split if no folder inside it is a label.

    Args:
        folders: the folders of each image, outermost first.
        above: the name of the folder that contains all of them.
    """
    keyed = [tuple(map(folder_key, (above, *parts))) for parts in folders]
    beside = {keys[: keys.index(NOT_IN_ORDER)] for keys in keyed if NOT_IN_ORDER in keys}

    def means_good(keys: tuple[str, ...], place: int) -> bool:
        if keys[place] != IN_ORDER or place == 0:
            return False
        below_split = keys[place - 1] in SPLIT_FOLDERS
        return keys[:place] in beside or (below_split and LAYOUT_FOLDERS.isdisjoint(keys[place:]))

    return [
        tuple(GOOD if means_good(keys, at) else name for at, name in enumerate(parts, 1))
        for parts, keys in zip(folders, keyed, strict=True)
    ]


def class_from_folders(folders: Sequence[str]) -> str | None:
    """The outermost of `folders` that is a class; None if there is none."""
    return next((name for name in folders if folder_key(name) not in LAYOUT_FOLDERS), None)


def innermost_class(path: str | os.PathLike[str], known: Collection[str]) -> str | None:
    """The innermost folder around `path` that is one of the `known` classes; None if none is.

    Links are not resolved, since the user chose their names.
    """
    if not known:
        return None
    absolute = PurePath(os.path.normpath(Path(path).absolute()))
    return next((name for name in reversed(absolute.parts[:-1]) if name in known), None)
