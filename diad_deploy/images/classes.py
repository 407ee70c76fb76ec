"""What the folders around an image say of it: good or defective, and its class."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path, PurePath

GOOD = "good"
"""What good images are called in the outputs, whatever their folder is."""

GOOD_FOLDERS = frozenset(
    {GOOD, "ok", "okay", "normal", "pass", "passed"}
    | {"anomaly_free", "defect_free", "no_defect", "no_defects", "non_defective"}
)
"""Folders of good parts. In all these lists case and dots do not count; `-` and a space are `_`."""

DEFECT = "defect"

DEFECT_FOLDERS = frozenset(
    {DEFECT, "defects", "defective", "faulty", "bad", "ng", "nok", "ko", "nio", "not_ok"}
    | {"not_good", "no_good", "anomaly", "anomalies", "anomalous", "abnormal", "fail", "failed"}
    | {"reject", "rejects", "rejected"}
)
"""Folders of defective parts, of whatever kind."""

IN_ORDER, NOT_IN_ORDER = "io", "nio"
"""German for good and defective. A class may be called `io` too: `name_good` tells."""

SPLIT_FOLDERS = frozenset({"test", "train", "val", "validation"})

MASK_FOLDERS = frozenset({"masks", "ground_truth"})

LAYOUT_FOLDERS = GOOD_FOLDERS | DEFECT_FOLDERS | SPLIT_FOLDERS
"""Folders that say what images are for; they are no classes."""


def folder_key(name: str) -> str:
    """The name of a folder as the lists here have it."""
    return name.lower().replace("-", "_").replace(" ", "_").replace(".", "")


def is_good(folder: str) -> bool:
    """Whether a folder of this name holds good parts."""
    return folder_key(folder) in GOOD_FOLDERS


def good_by_folders(folders: Sequence[str]) -> bool | None:
    """Whether an image in `folders`, outermost first, is good; None where none of them says it.

    A name of defects counts before one of good parts, and none above a split: of
    `normal/test/scratch`, `normal` is not the label. Only `good` says it from anywhere.
    """
    keys = [folder_key(name) for name in folders]
    split = max((place for place, key in enumerate(keys) if key in SPLIT_FOLDERS), default=-1)
    counted = keys[split + 1 :] or keys
    if not DEFECT_FOLDERS.isdisjoint(counted):
        return False
    return True if GOOD in keys or not GOOD_FOLDERS.isdisjoint(counted) else None


def below_masks(folders: Sequence[str]) -> int | None:
    """Which of `folders`, outermost first, holds masks; None where none does."""
    keys = map(folder_key, folders)
    return next((place for place, key in enumerate(keys) if key in MASK_FOLDERS), None)


def name_good(folders: Sequence[tuple[str, ...]], *, above: str) -> list[tuple[str, ...]]:
    """The folders of each image, with `good` in place of each `io` that means it.

    It does beside `nio`, and right below a split where no folder in it is a label.

    Args:
        folders: of each image, outermost first.
        above: the name of the folder that holds them all.
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


def class_below(folders: Sequence[str]) -> str | None:
    """The first of `folders`, outermost first, that is a class; None where none is."""
    return next((name for name in folders if folder_key(name) not in LAYOUT_FOLDERS), None)


def class_among(path: str | os.PathLike[str], known: Collection[str]) -> str | None:
    """The innermost folder around `path` that is one of the `known` classes; None for none.

    Links are left as they are, for their names are the user's.
    """
    if not known:
        return None
    absolute = PurePath(os.path.normpath(Path(path).absolute()))
    return next((name for name in reversed(absolute.parts[:-1]) if name in known), None)
