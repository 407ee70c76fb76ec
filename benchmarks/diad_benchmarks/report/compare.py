"""Compares two results: which figures changed, and which became worse by more than a limit."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from diad_benchmarks.report.accuracy import Accuracy
from diad_benchmarks.report.results import Results
from diad_benchmarks.report.rows import Row
from diad_deploy.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Record):
    """One figure of one row in both results.

    Attributes:
        worse: the change for the worse, as a share of `before`; negative for an improvement. For
            figures of accuracy the difference itself.
        beyond: whether that is more than the limit.
    """

    row: str
    figure: str
    before: float | None
    after: float | None
    worse: float | None
    beyond: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Record):
    """All changes, and reasons why the two results are hard to compare."""

    limit: float
    changes: tuple[Change, ...]
    cautions: tuple[str, ...]

    @property
    def beyond(self) -> tuple[Change, ...]:
        """The figures that became worse by more than the limit."""
        return tuple(change for change in self.changes if change.beyond)


LESS_IS_BETTER: dict[str, Callable[[Row], float | None]] = {
    "p50_ms": lambda row: row.latency.p50_ms if row.latency else None,
    "times_yardstick": lambda row: row.times_yardstick,
    "first_result_s": lambda row: row.first_result_s,
    "peak_host_bytes": lambda row: row.peak_host_bytes,
    "peak_device_bytes": lambda row: row.peak_device_bytes,
    "disk_bytes": lambda row: row.disk_bytes,
    "joules_per_picture": lambda row: row.throughput[0].joules_per_picture,
}
SHOWN_ONLY = ("first_result_s", "times_yardstick")
"""Opening a file depends on the system's cache, and the ratios follow from the times."""

SPEED = "pictures_per_s"
MAX_AUROC_LOST = 0.005
MAX_FLIPPED_SHARE = 0.01


def compare(before: Results, after: Results, *, limit: float, relative: bool = False) -> Comparison:
    """Compare every row of `before` with the one of the same name in `after`.

    Args:
        before: the earlier results.
        after: the later ones.
        limit: the share by which a figure may become worse.
        relative: divide times by those of the published order of work in the same results, which
            cancels a change of the whole machine's speed.
    """
    slower = _slowdown(before, after) if relative else None
    changes = []
    for old in before.rows:
        for change in _row_changes(old, after.row(old.name), limit):
            timed = change.figure == "p50_ms" or change.figure.startswith(SPEED)
            if slower is not None and timed and change.worse is not None:
                worse = (1 + change.worse) / slower - 1
                change = replace(change, worse=worse, beyond=worse > limit)
            changes.append(change)
    return Comparison(limit=limit, changes=tuple(changes), cautions=tuple(_cautions(before, after)))


def _slowdown(before: Results, after: Results) -> float | None:
    """The factor by which the published order of work became slower."""
    old, new = before.row("published"), after.row("published")
    if old is None or new is None or old.latency is None or new.latency is None:
        return None
    return new.latency.p50_ms / old.latency.p50_ms


def _row_changes(old: Row, new: Row | None, limit: float) -> Iterator[Change]:
    if old.latency is None:
        return
    if new is None or new.latency is None:
        # it no longer runs
        yield Change(row=old.name, figure="runs", before=1.0, after=0.0, worse=1.0, beyond=True)
        return

    for name, figure in LESS_IS_BETTER.items():
        before, after = figure(old), figure(new)
        if before and after is not None:
            allowed = math.inf if name in SHOWN_ONLY else limit
            yield _change(old.name, name, before, after, after / before - 1, allowed)
    speeds = {t.batch: t.pictures_per_s for t in new.throughput}
    for throughput in old.throughput:
        speed = speeds.get(throughput.batch)
        if speed is not None:
            was = throughput.pictures_per_s
            name = f"{SPEED}_batch_{throughput.batch}"
            yield _change(old.name, name, was, speed, was / speed - 1, limit)
    if old.accuracy is not None and new.accuracy is not None:
        yield from _accuracy_changes(old.name, old.accuracy, new.accuracy)


def _accuracy_changes(row: str, old: Accuracy, new: Accuracy) -> Iterator[Change]:
    """Figures of accuracy have separate limits, as differences rather than shares."""
    figures = (
        ("flipped", old.flipped, new.flipped, MAX_FLIPPED_SHARE * new.pictures),
        ("image_auroc_lost", *_lost(old.image_auroc_change, new.image_auroc_change)),
        ("pixel_auroc_lost", *_lost(old.pixel_auroc_change, new.pixel_auroc_change)),
    )
    for figure, before, after, allowed in figures:
        if before is not None and after is not None:
            yield _change(row, figure, before, after, after - before, allowed)


def _change(
    row: str, figure: str, before: float, after: float, worse: float, allowed: float
) -> Change:
    return Change(
        row=row, figure=figure, before=before, after=after, worse=worse, beyond=worse > allowed
    )


def _lost(before: float | None, after: float | None) -> tuple[float | None, float | None, float]:
    old, new = (None if change is None else -change for change in (before, after))
    return old, new, MAX_AUROC_LOST


def _cautions(before: Results, after: Results) -> Iterator[str]:
    for word, results in (("before", before), ("after", after)):
        if results.unfinished is not None:
            yield f"{word}: the run was stopped before {results.unfinished}"
    old, new = before.machine, after.machine
    if (old.processor, old.usable_cores) != (new.processor, new.usable_cores):
        yield (
            f"different machines: {old.processor} ({old.usable_cores} cores), "
            f"then {new.processor} ({new.usable_cores} cores)"
        )
    if old.gpus != new.gpus:
        gpus = (", ".join(machine.gpus) or "no GPU" for machine in (old, new))
        yield f"different GPUs: {', then '.join(gpus)}"
    if before.model.sha256 != after.model.sha256:
        yield f"different models: {before.model.name}, then {after.model.name}"
    for name, version in old.versions.items():
        if new.versions.get(name) != version:
            yield f"{name} {version}, then {new.versions.get(name, 'none')}"
    old_rate, new_rate = before.rates[0].flops, after.rates[0].flops
    if abs(new_rate / old_rate - 1) > 0.1:
        yield (
            f"the machine multiplied matrices at {1e-9 * old_rate:.0f} GFLOP/s, then at "
            f"{1e-9 * new_rate:.0f}; --relative takes that into account"
        )
