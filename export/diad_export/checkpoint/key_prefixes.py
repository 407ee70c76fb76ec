"""Finds the published keys under what trainings put before them.

`DistributedDataParallel`, `torch.compile` and a module of Lightning's that holds the model wrap its
keys, averaging keeps a second set of weights beside the first. The plain weights are what the
published test runs.
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
"""Put before a key without changing what it is; also one inside the other."""
INNER_WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""Put before the name of any part, also in the middle of a key."""
AVERAGES = ("ema_model.", "model_ema.", "ema.", "averaged_model.")
"""Put before a key of the averaged weights."""
PARTS = (UNET, CONTROL, AUTOENCODER, TEXT, FEATURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedKeys:
    """Published key -> key in the file, for the plain and for the averaged weights.

    Attributes:
        plain, averaged: the first key found.
        doubles: plain keys beyond the first, by published key.
    """

    plain: dict[str, str]
    averaged: dict[str, str]
    doubles: dict[str, list[str]]


def sort_keys(keys: Iterable[str]) -> SortedKeys:
    """Sort a file's keys; those of no known part count as plain under their own name.

    What a training of one's own puts before all keys (`self.diad = …` in a module of Lightning's)
    is taken off where keys of known parts lie below it, and only there.
    """
    found = list(keys)
    prefix = _shared_prefix(found)
    plain: dict[str, str] = {}
    averaged: dict[str, str] = {}
    doubles: dict[str, list[str]] = {}
    for key in found:
        published, average = unwrap(key.removeprefix(prefix))
        first = (averaged if average else plain).setdefault(published, key)
        if first != key and not average:
            doubles.setdefault(published, []).append(key)
    dotless = {key.removeprefix("model.").replace(".", ""): key for key in plain}
    return SortedKeys(
        plain=plain,
        averaged={dotless.get(name, name): key for name, key in averaged.items()},
        doubles=doubles,
    )


def without_common_wrapper(keys: Iterable[str]) -> dict[str, str]:
    """Name without the wrappers that all keys have -> key: of a part in a file of its own."""
    names = {_without_inner(key): key for key in keys}
    while names and (
        wrapper := next((w for w in WRAPPERS if all(n.startswith(w) for n in names)), None)
    ):
        names = {name.removeprefix(wrapper): key for name, key in names.items()}
    return names


def foreign_prefix(keys: Iterable[str]) -> str | None:
    """What stands before the first key of a known part that lies below an unknown name.

    An extractor's keys do not count: other models have a `pretrained_model`, too.
    """
    for key in keys:
        for end in (place + 1 for place, letter in enumerate(key) if letter == "."):
            if _is_known(key[end:]) and not unwrap(key[end:])[0].startswith(FEATURES):
                return key[:end]
    return None


def _shared_prefix(keys: list[str]) -> str:
    """The shortest prefix of all keys below which known parts lie; empty where some lie bare."""
    if any(_is_known(key) for key in keys):
        return ""
    prefix = foreign_prefix(keys)
    return prefix if prefix and all(key.startswith(prefix) for key in keys) else ""


def _is_known(key: str) -> bool:
    return unwrap(key)[0].startswith(PARTS)


def unwrap(key: str) -> tuple[str, bool]:
    """The published key within `key`, and whether it is of the averaged weights."""
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
