"""Finds the published keys behind the prefixes that training code adds.

`DistributedDataParallel`, `torch.compile` and a Lightning module around the model add prefixes, and
weight averaging saves a second set of weights. The published test uses the plain weights.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from diad_export.checkpoint.published_keys import (
    AUTOENCODER,
    CONTEXT,
    CONTROL,
    FEATURES,
    TEXT,
    UNET,
)

WRAPPERS = ("module.", "model.", "net.", "network.", "_forward_module.")
"""Prefixes of a key, also nested."""
INNER_WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""Prefixes of any part of a key, also in the middle."""
AVERAGES = ("ema_model.", "model_ema.", "ema.", "averaged_model.")
"""Prefixes of the averaged weights."""
PARTS = (UNET, CONTROL, AUTOENCODER, TEXT, FEATURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedKeys:
    """The keys of a file: published key -> key in the file.

    Attributes:
        plain, averaged: of the plain and the averaged weights; the first key found.
        duplicates: published key -> further plain keys.
    """

    plain: dict[str, str]
    averaged: dict[str, str]
    duplicates: dict[str, list[str]]


def sort_keys(keys: Iterable[str]) -> SortedKeys:
    """Sort the keys of a file; keys of unknown parts are plain and keep their names.

    A prefix that all keys share (such as `diad.` for `self.diad = …` in a Lightning module) is
    removed if keys of known parts follow it.
    """
    found = list(keys)
    prefix = _shared_prefix(found)
    plain: dict[str, str] = {}
    averaged: dict[str, str] = {}
    duplicates: dict[str, list[str]] = {}
    for key in found:
        published, average = unwrap(key.removeprefix(prefix))
        first = (averaged if average else plain).setdefault(published, key)
        if first != key and not average:
            duplicates.setdefault(published, []).append(key)
    dotless = {key.removeprefix("model.").replace(".", ""): key for key in plain}
    return SortedKeys(
        plain=plain,
        averaged={dotless.get(name, name): key for name, key in averaged.items()},
        duplicates=duplicates,
    )


def without_common_wrapper(keys: Iterable[str]) -> dict[str, str]:
    """Name without the prefixes that all keys share -> key, for the file of a single part."""
    names = {_without_inner(key): key for key in keys}
    while names and (
        wrapper := next((w for w in WRAPPERS if all(n.startswith(w) for n in names)), None)
    ):
        names = {name.removeprefix(wrapper): key for name, key in names.items()}
    return names


def foreign_prefix(keys: Iterable[str]) -> str | None:
    """The unknown prefix of the first key of a known part; None if there is no such key.

    Keys of an extractor do not count, as other models have a `pretrained_model`, too.
    """
    for key in keys:
        for end in (place + 1 for place, letter in enumerate(key) if letter == "."):
            if _is_known(key[end:]) and not unwrap(key[end:])[0].startswith(FEATURES):
                return key[:end]
    return None


def _shared_prefix(keys: list[str]) -> str:
    """The prefix that all keys share before a known part; empty if a known part has none."""
    if any(_is_known(key) for key in keys):
        return ""
    prefix = foreign_prefix(keys)
    return prefix if prefix and all(key.startswith(prefix) for key in keys) else ""


def _is_known(key: str) -> bool:
    return unwrap(key)[0].startswith(PARTS)


def unwrap(key: str) -> tuple[str, bool]:
    """The published key in `key`, and whether it belongs to the averaged weights."""
    name, average = _without_inner(key), False
    while True:
        if name.startswith(PARTS) or name == CONTEXT:
            return name, average
        wrapper = next((w for w in (*WRAPPERS, *AVERAGES) if name.startswith(w)), None)
        if wrapper is None:
            return (name, average) if average else (key, False)
        name = name.removeprefix(wrapper)
        average = average or wrapper in AVERAGES


def _without_inner(key: str) -> str:
    for wrapper in INNER_WRAPPERS:
        key = key.replace(wrapper, "")
    return key
