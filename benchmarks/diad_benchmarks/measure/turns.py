"""The rows take turns: each in its own process, one image or batch after the other."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from diad_benchmarks.backends import Subject, Way
from diad_benchmarks.backends.backend import WAYS, YARDSTICK
from diad_benchmarks.measure.deadline import Deadline
from diad_benchmarks.measure.gpu_meter import GpuMeter
from diad_benchmarks.measure.protocol import Opened, Ran
from diad_benchmarks.measure.worker_process import WorkerProcess
from diad_benchmarks.plan import Plan
from diad_deploy.errors import DiadError

Tell = Callable[[str], None]
LEFT_OUT = "left out:"
WARM_UPS = 2
"""Runs of a batch size that is new to a GPU: what they set up is no part of its time."""

SLOW_SETUP_S = 15.0
"""A row that takes longer than this to set a batch size up waits until all others are done."""

SHOWN_EVERY_S = 15.0
"""Comparing and writing results takes seconds, and a turn may take less."""


@dataclass(slots=True, kw_only=True)
class Energy:
    """Joules that a GPU took over turns of one batch size, and how many images these were."""

    joules: float = 0.0
    pictures: int = 0


@dataclass(slots=True, kw_only=True)
class Measured:
    """What was seen of one way, as it is seen.

    Attributes:
        why_not: why there are no figures, or no more of them; None where all is well.
        first_result_s: from the start of its process to its first result.
        setup_s: of that, the first run, which compiles or records where the row does so.
        singles: one image at a time, in the order of the rounds.
        beside: the yardstick's seconds in the same rounds; None where it failed.
        batches: the turns by batch size.
        energy: by batch size, 1 included.
        out_of_time: batch sizes of which a turn did not fit into the run's time.
        held_bytes: by how much the GPU's memory in use grew during its turns; `device_bytes` is
            the most that this ever was.
        found: the file of its maps and scores.
    """

    way: Way
    why_not: str | None = None
    opened: Opened | None = None
    first_result_s: float | None = None
    setup_s: float = 0.0
    singles: list[Ran] = field(default_factory=list)
    beside: list[float | None] = field(default_factory=list)
    batches: dict[int, list[Ran]] = field(default_factory=dict)
    energy: dict[int, Energy] = field(default_factory=dict)
    out_of_time: set[int] = field(default_factory=set)
    peak_bytes: int | None = None
    held_bytes: int = 0
    device_bytes: int | None = None
    found: Path | None = None

    def grow(self, before: int | None, after: int | None) -> None:
        """Memory in use on the GPU before and after something that this row alone did."""
        if before is not None and after is not None:
            self.held_bytes += after - before
            self.device_bytes = max(self.device_bytes or 0, self.held_bytes)


class Turns:
    """Opens processes, has them take turns, and writes down what they say.

    Args:
        count: images in the file `images`.
        scratch: a folder for what the rows find.
        between: called once a round, between two rows' turns.
        deadline: what does not fit before it is left out.
        meter: of the GPU.
    """

    def __init__(
        self,
        plan: Plan,
        subject: Subject,
        images: Path,
        scratch: Path,
        *,
        between: Callable[[], None],
        tell: Tell,
        deadline: Deadline,
        meter: GpuMeter,
    ) -> None:
        self._plan, self._subject, self._images = plan, subject, images
        self._scratch, self._between, self._tell = scratch, between, tell
        self._deadline, self._meter = deadline, meter
        self._open: dict[str, WorkerProcess] = {}
        self._shown_at = perf_counter()
        self.rows = {way.name: Measured(way=way, why_not=_left_out(way, plan)) for way in WAYS}

    def take(self) -> Iterator[list[Measured]]:
        """Measure every row of the plan.

        Yields all rows in their order whenever some have their figures, those that cannot run and
        those whose turn is still to come, too.
        """
        asked = [self.rows[name].way for name in dict.fromkeys(self._plan.ways)]
        with ExitStack() as stack:
            measure = self._at_once if self._plan.together else self._in_pairs
            for _ in measure(asked, stack):
                yield list(self.rows.values())

    def _in_pairs(self, asked: Sequence[Way], stack: ExitStack) -> Iterator[None]:
        """The yardstick stays; each other row is opened, measured beside it, and closed."""
        yardstick = [way for way in asked if way.name == YARDSTICK]
        others = [way for way in asked if way.name != YARDSTICK]
        for way in yardstick:
            self._start(way, stack)
        for place, way in enumerate(others):
            with ExitStack() as alone:
                if self._start(way, alone):
                    if self._plan.turn_s:
                        # opening took the most of its time; this is most of what there is to know
                        self._single_round([way], 0, self._deadline)
                    # what one row does not use is the later ones'
                    until = self._deadline.share(len(others) - place)
                    for _ in self._rounds([*yardstick, way], until):
                        self._save(way)
                        yield from self._due()
                    self._save(way)
            yield
        if not any(self.rows[way.name].singles for way in yardstick):
            for _ in self._rounds(yardstick, self._deadline):
                yield from self._due()
        for way in yardstick:
            self._save(way)
        yield

    def _at_once(self, ways: Sequence[Way], stack: ExitStack) -> Iterator[None]:
        for way in ways:
            if self._start(way, stack) and (self._plan.turn_s or self._plan.minutes):
                # most of what there is to know of a row, while there surely is time
                self._single_round([way], 0, self._deadline)
                self._save(way)
                yield from self._due()
        for _ in self._rounds(ways, self._deadline):
            yield from self._due()
        for way in ways:
            self._save(way)
        yield

    def _due(self) -> Iterator[None]:
        """Once where there is something to show, and the last time is long enough ago."""
        now = perf_counter()
        if now - self._shown_at >= SHOWN_EVERY_S:
            self._shown_at = now
            yield

    def _start(self, way: Way, stack: ExitStack) -> bool:
        """Open a row and have its first result; False where it cannot run here."""
        row = self.rows[way.name]
        if not self._deadline.fits(0.0):
            row.why_not = f"{LEFT_OUT} {self._deadline.passed()} were over before its turn"
            return False
        self._tell(f"{way.title}: opening")
        before = self._meter.used_bytes_slowly()
        started = perf_counter()
        try:
            process = WorkerProcess(
                way.name, self._subject, self._images, timeout_s=self._deadline.timeout_s()
            )
        except DiadError as error:
            row.why_not = str(error)
            self._tell(f"{way.title}: cannot run here: {error}")
            return False
        stack.enter_context(process)
        self._open[way.name] = process
        stack.callback(self._open.pop, way.name, None)
        row.opened = process.opened
        first = self._run(way, 0, 1)
        if first is None:
            return False
        row.first_result_s, row.setup_s = perf_counter() - started, first.seconds
        if process.opened.device == "cuda":
            row.held_bytes, row.device_bytes = 0, None
            row.grow(before, self._meter.used_bytes_slowly())
        return True

    def _rounds(self, ways: Sequence[Way], until: Deadline) -> Iterator[None]:
        """All turns; yields whenever some of them were taken."""
        if self._plan.turn_s:
            yield from self._long_rounds(ways, until)
            return
        plan = self._plan
        for index in range(plan.rounds):
            self._between()
            self._single_round(ways, index, until)
            self._tell(f"round {index + 1} of {plan.rounds}, one image: {self._shown(ways)}")
        for batch in sorted(plan.larger_batches):
            firsts = [index * batch for index in range(plan.batch_rounds)]
            if batch == plan.largest_batch and plan.pictures:
                firsts = list(range(0, plan.pictures, batch))
            for first in firsts:
                self._batch_round(ways, first, batch, until)
            self._tell(f"{len(firsts)} rounds of {batch} images done")
            yield
        if plan.pictures and plan.largest_batch == 1:
            for way in ways:
                for place in range(plan.rounds, plan.pictures):
                    self._attempt(way, place, 1, until)
        yield

    def _long_rounds(self, ways: Sequence[Way], until: Deadline) -> Iterator[None]:
        slow = [way for way in ways if self.rows[way.name].setup_s > SLOW_SETUP_S]
        for group in ([way for way in ways if way not in slow], slow):
            yield from self._passes(group, until)

    def _passes(self, ways: Sequence[Way], until: Deadline) -> Iterator[None]:
        """Every batch size once, then again: if time ends early, each has some of it."""
        plan = self._plan
        if not ways:
            return
        for index in range(max(plan.rounds, plan.batch_rounds)):
            self._between()
            for batch in (1, *plan.larger_batches):
                if index >= (plan.rounds if batch == 1 else plan.batch_rounds):
                    continue
                if batch > 1:
                    self._batch_round(ways, index * batch, batch, until)
                else:
                    fresh = [way for way in ways if len(self.rows[way.name].singles) <= index]
                    self._single_round(fresh, index, until)
                self._tell(f"turn {index + 1} at batch {batch}: {self._shown(ways, batch)}")
                yield

    def _single_round(self, ways: Sequence[Way], index: int, until: Deadline) -> None:
        taken = {way.name: self._attempt(way, index, 1, until) for way in ways}
        yardstick = taken.get(YARDSTICK)
        for way in ways:
            ran = taken[way.name]
            if ran is not None:
                row = self.rows[way.name]
                row.singles.append(ran)
                row.beside.append(yardstick.seconds if yardstick is not None else None)

    def _batch_round(self, ways: Sequence[Way], first: int, batch: int, until: Deadline) -> None:
        plan = self._plan
        rest = plan.pictures - first
        count = min(batch, rest) if rest > 0 and not plan.turn_s else batch
        for way in ways:
            ran = self._attempt(way, first, count, until)
            if ran is not None and count == batch:
                self.rows[way.name].batches.setdefault(batch, []).append(ran)

    def _attempt(self, way: Way, first: int, count: int, until: Deadline) -> Ran | None:
        """One turn; a row that fails keeps its reason and takes no further turns."""
        row = self.rows[way.name]
        if self._open.get(way.name) is None or row.why_not is not None:
            return None
        if not until.fits(self._expected_s(row, count)):
            row.out_of_time.add(count)
            return None
        on_gpu = row.opened is not None and row.opened.device == "cuda"
        if not on_gpu or not self._plan.turn_s:
            return self._run(way, first, count)
        if not (row.batches.get(count) if count > 1 else row.singles):
            for _ in range(WARM_UPS):
                if self._run(way, first, count) is None:
                    return None
        return self._run_metered(way, first, count)

    def _expected_s(self, row: Measured, count: int) -> float:
        """How long a turn will take, by the nearest batch size that is known."""
        known = {batch: runs for batch, runs in ((1, row.singles), *row.batches.items()) if runs}
        if not known:
            return self._plan.turn_s + row.setup_s
        nearest = min(known, key=lambda batch: abs(batch - count))
        one = known[nearest][-1].seconds * max(count / nearest, 1.0)
        # the last run of a turn may begin just before its end
        expected = self._plan.turn_s + one
        if count not in known and self._plan.turn_s:
            expected += row.setup_s + WARM_UPS * one
        return expected

    def _run_metered(self, way: Way, first: int, count: int) -> Ran | None:
        """A turn of some length on a GPU, and the energy that it took."""
        before = self._meter.energy_j()
        ran = self._run(way, first, count, at_least_s=self._plan.turn_s)
        after = self._meter.energy_j()
        if ran is not None and before is not None and after is not None:
            energy = self.rows[way.name].energy.setdefault(count, Energy())
            energy.joules += after - before
            energy.pictures += count * len(ran.runs)
        return ran

    def _run(self, way: Way, first: int, count: int, *, at_least_s: float = 0.0) -> Ran | None:
        row, process = self.rows[way.name], self._open[way.name]
        before = self._meter.used_bytes()
        try:
            ran = process.run(
                first, count, at_least_s=at_least_s, timeout_s=self._deadline.timeout_s()
            )
        except DiadError as error:
            row.why_not = f"failed on {count} images: {error}"
            self._tell(f"{way.title}: {row.why_not}")
            return None
        if row.opened is not None and row.opened.device == "cuda":
            row.grow(before, self._meter.used_bytes())
        return ran

    def _save(self, way: Way) -> None:
        row, process = self.rows[way.name], self._open.get(way.name)
        if process is None or not row.singles:
            return
        path = self._scratch / f"{way.name}.npz"
        try:
            row.peak_bytes = process.save(path)
        except DiadError as error:
            row.why_not = row.why_not or str(error)
            return
        row.found = path

    def _shown(self, ways: Sequence[Way], batch: int = 1) -> str:
        return ", ".join(self._last_times(ways, batch))

    def _last_times(self, ways: Sequence[Way], batch: int) -> Iterator[str]:
        for way in ways:
            row = self.rows[way.name]
            runs = row.singles if batch == 1 else row.batches.get(batch)
            if runs:
                milliseconds = 1e3 * runs[-1].seconds
                yield f"{way.name} {milliseconds:.{0 if milliseconds >= 100 else 2}f} ms"


def _left_out(way: Way, plan: Plan) -> str | None:
    if way.name in plan.ways:
        return None
    measures = "--all or " if way.only_with_all else ""
    return f"{LEFT_OUT} {measures}--way {way.name} measures it"
