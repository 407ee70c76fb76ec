"""What the folders around a picture say of it: good or defective, and its class."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path, PurePath

GOOD = "good"
"""What good pictures are called in the outputs, whatever their folder is."""

GOOD_FOLDERS = frozenset(
    {GOOD, "ok", "okay", "normal", "pass", "passed"}
    | {"anomaly_free", "defect_free", "no_defect", "no_defects", "non_defective"}
)
"""Folders of good parts. In all these lists case does not matter, and `-` and a space are `_`."""

DEFECT = "defect"

DEFECT_FOLDERS = frozenset(
    {DEFECT, "defects", "defective", "faulty", "bad", "ng", "nok", "ko", "not_ok", "not_good"}
    | {"no_good", "anomaly", "anomalies", "anomalous", "abnormal", "fail", "failed"}
    | {"reject", "rejects", "rejected"}
)
"""Folders of defective parts, of whatever kind."""

SPLIT_FOLDERS = frozenset({"test", "train", "val", "validation"})

MASK_FOLDERS = frozenset({"masks", "ground_truth"})

LAYOUT_FOLDERS = GOOD_FOLDERS | DEFECT_FOLDERS | SPLIT_FOLDERS
"""Folders that say what pictures are for; they are no classes."""


def folder_key(name: str) -> str:
    """The name of a folder as the lists here have it."""
    return name.lower().replace("-", "_").replace(" ", "_")


def is_good(folder: str) -> bool:
    """Whether a folder of this name holds good parts."""
    return folder_key(folder) in GOOD_FOLDERS


def good_by_folders(folders: Sequence[str]) -> bool | None:
    """Whether a picture in `folders`, outermost first, is good; None where none of them says it.

    The innermost name counts, and none above a split: of `normal/test/scratch`, `normal` is not
    the label. Only `good` says it from anywhere.
    """
    keys = [folder_key(name) for name in folders]
    split = max((place for place, key in enumerate(keys) if key in SPLIT_FOLDERS), default=-1)
    for key in reversed(keys[split + 1 :] or keys):
        if key in GOOD_FOLDERS or key in DEFECT_FOLDERS:
            return key in GOOD_FOLDERS
    return True if GOOD in keys else None


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
