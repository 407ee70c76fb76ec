"""Two records of the benchmark: what changed, and what became worse by more than a limit."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from diad_benchmarks.report.accuracy import Accuracy
from diad_benchmarks.report.results import Results
from diad_benchmarks.report.rows import Row
from diad_deploy.record import Record

Figure = Callable[[Row], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Record):
    """One figure of one row in both records.

    Attributes:
        worse: by how much it became worse, as a share of `before`; below 0 where it became better.
            For figures of accuracy the difference itself.
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
    """All changes, and what makes both records hard to compare."""

    limit: float
    changes: tuple[Change, ...]
    cautions: tuple[str, ...]

    @property
    def beyond(self) -> tuple[Change, ...]:
        """What became worse by more than the limit."""
        return tuple(change for change in self.changes if change.beyond)


LESS_IS_BETTER: dict[str, Figure] = {
    "p50_ms": lambda row: row.latency.p50_ms if row.latency else None,
    "times_yardstick": lambda row: row.times_yardstick,
    "first_result_s": lambda row: row.first_result_s,
    "peak_host_bytes": lambda row: row.peak_host_bytes,
    "peak_device_bytes": lambda row: row.peak_device_bytes,
    "disk_bytes": lambda row: row.disk_bytes,
    "joules_per_picture": lambda row: row.throughput[0].joules_per_picture,
}
SHOWN_ONLY = ("first_result_s", "times_yardstick")
"""Opening a file depends on what the system has in its cache; ratios follow from the times."""

MAX_AUROC_LOST = 0.005
MAX_FLIPPED_SHARE = 0.01


def compare(before: Results, after: Results, *, limit: float, relative: bool = False) -> Comparison:
    """Compare every row of `before` with its like in `after`.

    Args:
        limit: the share by which a figure may become worse.
        relative: take times as multiples of the published order of work in the same record, which
            a machine that became slower as a whole leaves alone.
    """
    changes = [
        change for row in before.rows for change in _row_changes(row, after.row(row.name), limit)
    ]
    if relative:
        changes = [_relative(change, before, after, limit) for change in changes]
    return Comparison(limit=limit, changes=tuple(changes), cautions=tuple(_cautions(before, after)))


def _row_changes(old: Row, new: Row | None, limit: float) -> Iterator[Change]:
    if old.latency is None:
        return
    if new is None or new.latency is None:
        # it ran, and does not run any more
        yield Change(row=old.name, figure="runs", before=1.0, after=0.0, worse=1.0, beyond=True)
        return
    for name, figure in LESS_IS_BETTER.items():
        yield from _change(old.name, name, figure(old), figure(new), limit)
    speeds = {t.batch: t.pictures_per_s for t in new.throughput}
    for throughput in old.throughput:
        speed = speeds.get(throughput.batch)
        name = f"images_per_s_batch_{throughput.batch}"
        if speed is not None:
            worse = throughput.pictures_per_s / speed - 1
            yield Change(
                row=old.name,
                figure=name,
                before=throughput.pictures_per_s,
                after=speed,
                worse=worse,
                beyond=worse > limit,
            )
    yield from _accuracy_changes(old, new)


def _change(
    row: str, name: str, before: float | None, after: float | None, limit: float
) -> Iterator[Change]:
    if not before or after is None:
        return
    worse = after / before - 1
    beyond = worse > limit and name not in SHOWN_ONLY
    yield Change(row=row, figure=name, before=before, after=after, worse=worse, beyond=beyond)


def _accuracy_changes(old: Row, new: Row) -> Iterator[Change]:
    """Decisions have limits of their own: a share of a flip says nothing."""
    if old.accuracy is None or new.accuracy is None:
        return
    allowed = {
        "flipped": MAX_FLIPPED_SHARE * new.accuracy.pictures,
        "image_auroc_lost": MAX_AUROC_LOST,
        "pixel_auroc_lost": MAX_AUROC_LOST,
    }
    found_before, found_after = _decisions(old.accuracy), _decisions(new.accuracy)
    for name, before in found_before.items():
        after = found_after[name]
        if before is not None and after is not None:
            worse = after - before
            yield Change(
                row=old.name,
                figure=name,
                before=before,
                after=after,
                worse=worse,
                beyond=worse > allowed[name],
            )


def _decisions(accuracy: Accuracy) -> dict[str, float | None]:
    """Flipped decisions, and AUROC lost beside the reference."""
    return {
        "flipped": accuracy.flipped,
        "image_auroc_lost": _lost(accuracy.image_auroc_change),
        "pixel_auroc_lost": _lost(accuracy.pixel_auroc_change),
    }


def _lost(change: float | None) -> float | None:
    return None if change is None else -change


def _relative(change: Change, before: Results, after: Results, limit: float) -> Change:
    timed = change.figure == "p50_ms" or change.figure.startswith("pictures_per_s")
    old, new = before.row("published"), after.row("published")
    if not timed or old is None or new is None or old.latency is None or new.latency is None:
        return change
    if change.worse is None:
        return change
    slower = new.latency.p50_ms / old.latency.p50_ms
    worse = (1 + change.worse) / slower - 1
    return Change(
        row=change.row,
        figure=change.figure,
        before=change.before,
        after=change.after,
        worse=worse,
        beyond=worse > limit,
    )


def _cautions(before: Results, after: Results) -> Iterator[str]:
    for word, results in (("before", before), ("after", after)):
        if results.unfinished is not None:
            yield f"{word}: the run was cut short before {results.unfinished}"
    if before.machine.processor != after.machine.processor or (
        before.machine.usable_cores != after.machine.usable_cores
    ):
        yield (
            f"other machines: {before.machine.processor} ({before.machine.usable_cores} cores), "
            f"then {after.machine.processor} ({after.machine.usable_cores} cores)"
        )
    if before.machine.gpus != after.machine.gpus:
        gpus = (", ".join(each.machine.gpus) or "no GPU" for each in (before, after))
        yield f"other GPUs: {', then '.join(gpus)}"
    if before.model.sha256 != after.model.sha256:
        yield f"other models: {before.model.name}, then {after.model.name}"
    for name, old in before.machine.versions.items():
        new = after.machine.versions.get(name)
        if new != old:
            yield f"{name} {old}, then {new or 'none'}"
    old_rate, new_rate = before.rates[0].flops, after.rates[0].flops
    if abs(new_rate / old_rate - 1) > 0.1:
        yield (
            f"the machine multiplied matrices at {1e-9 * old_rate:.0f} GFLOP/s, then at "
            f"{1e-9 * new_rate:.0f}; --relative takes that out of the times"
        )
