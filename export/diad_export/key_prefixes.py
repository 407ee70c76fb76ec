"""Finds the published keys under what trainings put before them.

`DistributedDataParallel` and `torch.compile` wrap a model's keys, averaging keeps a second set of
weights beside the first. The plain weights are what the published test runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from diad_export.published_keys import AUTOENCODER, CONTEXT, CONTROL, FEATURES, TEXT, UNET

WRAPPERS = ("module.", "_orig_mod.")
"""Put before a key without changing what it is; also one inside the other."""
AVERAGES = ("ema_model.", "model_ema.", "ema.", "averaged_model.")
"""Put before a key of the averaged weights."""
PARTS = (UNET, CONTROL, AUTOENCODER, TEXT, FEATURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedKeys:
    """Published key -> key in the file, for the plain and for the averaged weights."""

    plain: dict[str, str]
    averaged: dict[str, str]


def sort_keys(keys: Iterable[str]) -> SortedKeys:
    """Sort a file's keys; those of no known part count as plain under their own name."""
    found = list(keys)
    plain: dict[str, str] = {}
    averaged: dict[str, str] = {}
    for key in found:
        published, average = unwrap(key)
        (averaged if average else plain).setdefault(published, key)
    dotless = {key.removeprefix("model.").replace(".", ""): key for key in plain}
    return SortedKeys(
        plain=plain, averaged={dotless.get(name, name): key for name, key in averaged.items()}
    )


def unwrap(key: str) -> tuple[str, bool]:
    """The published key within `key`, and whether it is of the averaged weights."""
    name, average = key, False
    while True:
        if name.startswith(PARTS) or name == CONTEXT:
            return name, average
        wrapper = next((w for w in (*WRAPPERS, *AVERAGES) if name.startswith(w)), None)
        if wrapper is None:
            return (name, average) if average else (key, False)
        name = name.removeprefix(wrapper)
        average = average or wrapper in AVERAGES
