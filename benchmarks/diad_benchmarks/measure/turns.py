"""Backends take turns: each in its own process, one image or batch after the other."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

from diad_benchmarks.backends.backend import BACKENDS, YARDSTICK, Backend, Subject
from diad_benchmarks.measure.deadline import Deadline
from diad_benchmarks.measure.gpu_meter import GpuMeter
from diad_benchmarks.measure.measured import Energy, Measured
from diad_benchmarks.measure.protocol import Ran
from diad_benchmarks.measure.worker_process import BackendProcess
from diad_benchmarks.plan import Plan
from diad_deploy.errors import DiadError

LEFT_OUT = "left out:"
WARM_UPS = 2
"""Warm-up runs of a new batch size on a GPU before its first turn."""

SLOW_SETUP_S = 15.0
"""A backend that takes longer than this to set up a batch size waits until all others are done."""

REPORT_EVERY_S = 15.0
"""Results are reported at most this often: comparing and writing them takes seconds."""


class Turns:
    """Opens the backends' processes, runs them in turns, and keeps their measurements.

    Args:
        images: the file with all images.
        scratch: a folder for the backends' results.
        between: called once per round, between two turns.
        echo: called with a line of progress.
        deadline: work that does not fit before it is left out.
        meter: reads the GPU's memory and energy.
    """

    def __init__(
        self,
        plan: Plan,
        subject: Subject,
        images: Path,
        scratch: Path,
        *,
        between: Callable[[], None],
        echo: Callable[[str], None],
        deadline: Deadline,
        meter: GpuMeter,
    ) -> None:
        self._plan, self._subject, self._images = plan, subject, images
        self._scratch, self._between, self._echo = scratch, between, echo
        self._deadline, self._meter = deadline, meter
        self._reported_at = perf_counter()
        self.rows = {
            each.name: Measured(backend=each, why_not=_left_out(each, plan)) for each in BACKENDS
        }

    def take(self) -> Iterator[list[Measured]]:
        """Measure every backend of the plan.

        Yields all backends, in the order of the table, whenever some have new figures.
        """
        planned = [self.rows[name] for name in dict.fromkeys(self._plan.ways)]
        with ExitStack() as stack:
            measure = self._together if self._plan.together else self._in_pairs
            for _ in measure(planned, stack):
                yield list(self.rows.values())

    def _in_pairs(self, planned: Sequence[Measured], stack: ExitStack) -> Iterator[None]:
        """Keep the yardstick open, and measure each other backend with it."""
        yardstick = [row for row in planned if row.backend.name == YARDSTICK]
        others = [row for row in planned if row.backend.name != YARDSTICK]
        for row in yardstick:
            self._open(row, stack)
        for place, row in enumerate(others):
            with ExitStack() as alone:
                if self._open(row, alone):
                    if self._plan.turn_s:
                        # opening took most of the time; the first turns are the most informative
                        self._single_round([row], 0, self._deadline)
                    # unused time is left to the later ones
                    until = self._deadline.share(len(others) - place)
                    for _ in self._rounds([*yardstick, row], until):
                        self._save(row)
                        yield from self._report()
                    self._save(row)
            yield
        if not any(row.singles for row in yardstick):
            for _ in self._rounds(yardstick, self._deadline):
                yield from self._report()
        for row in yardstick:
            self._save(row)
        yield

    def _together(self, planned: Sequence[Measured], stack: ExitStack) -> Iterator[None]:
        for row in planned:
            if self._open(row, stack) and (self._plan.turn_s or self._plan.minutes):
                # the most informative figures first
                self._single_round([row], 0, self._deadline)
                self._save(row)
                yield from self._report()
        for _ in self._rounds(planned, self._deadline):
            yield from self._report()
        for row in planned:
            self._save(row)
        yield

    def _report(self) -> Iterator[None]:
        now = perf_counter()
        if now - self._reported_at >= REPORT_EVERY_S:
            self._reported_at = now
            yield

    def _open(self, row: Measured, stack: ExitStack) -> bool:
        """Open a backend and run one image; False if it cannot run here."""
        if not self._deadline.fits(0.0):
            row.why_not = f"{LEFT_OUT} {self._deadline.passed()} had passed before its turn"
            return False
        title = row.backend.title
        self._echo(f"{title}: opening")
        before, started = self._meter.used_bytes(), perf_counter()
        try:
            process = BackendProcess(
                row.backend.name,
                self._subject,
                self._images,
                timeout_s=self._deadline.timeout_s(),
            )
        except DiadError as error:
            row.why_not = str(error)
            self._echo(f"{title}: cannot run here: {error}")
            return False
        stack.enter_context(process)
        stack.callback(setattr, row, "process", None)
        row.process, row.opened = process, process.opened
        first = self._run(row, 0, 1)
        if first is None:
            return False
        row.first_result_s, row.setup_s = perf_counter() - started, first.seconds
        if row.on_gpu:
            row.held_bytes, row.device_bytes = 0, None
            row.grow(before, self._meter.used_bytes())
        return True

    def _rounds(self, rows: Sequence[Measured], until: Deadline) -> Iterator[None]:
        """Take all turns; yields after some of them."""
        plan = self._plan
        if plan.turn_s:
            slow = [row for row in rows if row.setup_s > SLOW_SETUP_S]
            for group in ([row for row in rows if row not in slow], slow):
                yield from self._long_turns(group, until)
            return
        for index in range(plan.rounds):
            self._between()
            self._single_round(rows, index, until)
            self._echo(f"round {index + 1} of {plan.rounds}, one image: {_last_times(rows, 1)}")
        for batch in sorted(plan.larger_batches):
            firsts = [index * batch for index in range(plan.batch_rounds)]
            if batch == plan.largest_batch and plan.pictures:
                firsts = list(range(0, plan.pictures, batch))
            for first in firsts:
                self._batch_round(rows, first, batch, until)
            self._echo(f"{len(firsts)} rounds of {batch} images done")
            yield
        if plan.pictures and plan.largest_batch == 1:
            for row in rows:
                for place in range(plan.rounds, plan.pictures):
                    self._attempt(row, place, 1, until)
        yield

    def _long_turns(self, rows: Sequence[Measured], until: Deadline) -> Iterator[None]:
        """Take a turn at every batch size, then again: each has figures even if time runs out."""
        plan = self._plan
        if not rows:
            return
        for index in range(max(plan.rounds, plan.batch_rounds)):
            self._between()
            for batch in (1, *plan.larger_batches):
                if index >= (plan.rounds if batch == 1 else plan.batch_rounds):
                    continue
                if batch > 1:
                    self._batch_round(rows, index * batch, batch, until)
                else:
                    fresh = [row for row in rows if len(row.singles) <= index]
                    self._single_round(fresh, index, until)
                self._echo(f"turn {index + 1} at batch {batch}: {_last_times(rows, batch)}")
                yield

    def _single_round(self, rows: Sequence[Measured], index: int, until: Deadline) -> None:
        taken = {row.backend.name: self._attempt(row, index, 1, until) for row in rows}
        yardstick = taken.get(YARDSTICK)
        for row in rows:
            ran = taken[row.backend.name]
            if ran is not None:
                row.singles.append(ran)
                row.yardstick_s.append(yardstick.seconds if yardstick is not None else None)

    def _batch_round(
        self, rows: Sequence[Measured], first: int, batch: int, until: Deadline
    ) -> None:
        rest = self._plan.pictures - first
        count = min(batch, rest) if rest > 0 and not self._plan.turn_s else batch
        for row in rows:
            ran = self._attempt(row, first, count, until)
            if ran is not None and count == batch:
                row.batches.setdefault(batch, []).append(ran)

    def _attempt(self, row: Measured, first: int, count: int, until: Deadline) -> Ran | None:
        """Take one turn. A backend that failed keeps its reason and takes no further turns."""
        turn_s = self._plan.turn_s
        if row.process is None or row.why_not is not None:
            return None
        if not until.fits(row.expected_s(count, turn_s=turn_s, warm_ups=WARM_UPS)):
            row.out_of_time.add(count)
            return None
        if not row.on_gpu or not turn_s:
            return self._run(row, first, count)
        if not row.runs(count):
            for _ in range(WARM_UPS):
                if self._run(row, first, count) is None:
                    return None
        before = self._meter.energy_j()
        ran = self._run(row, first, count, at_least_s=turn_s)
        after = self._meter.energy_j()
        if ran is not None and before is not None and after is not None:
            energy = row.energy.setdefault(count, Energy())
            energy.joules += after - before
            energy.images += count * len(ran.runs)
        return ran

    def _run(self, row: Measured, first: int, count: int, *, at_least_s: float = 0.0) -> Ran | None:
        if row.process is None:
            return None
        before = self._meter.used_bytes()
        try:
            ran = row.process.run(
                first, count, at_least_s=at_least_s, timeout_s=self._deadline.timeout_s()
            )
        except DiadError as error:
            row.why_not = f"failed on {count} images: {error}"
            self._echo(f"{row.backend.title}: {row.why_not}")
            return None
        if row.on_gpu:
            row.grow(before, self._meter.used_bytes())
        return ran

    def _save(self, row: Measured) -> None:
        if row.process is None or not row.singles:
            return
        path = self._scratch / f"{row.backend.name}.npz"
        try:
            row.peak_bytes = row.process.save(path)
        except DiadError as error:
            row.why_not = row.why_not or str(error)
            return
        row.results = path


def _last_times(rows: Sequence[Measured], batch: int) -> str:
    times = {row.backend.name: 1e3 * row.runs(batch)[-1].seconds for row in rows if row.runs(batch)}
    return ", ".join(f"{name} {ms:.{0 if ms >= 100 else 2}f} ms" for name, ms in times.items())


def _left_out(backend: Backend, plan: Plan) -> str | None:
    if backend.name in plan.ways:
        return None
    option = "--all or " if backend.only_with_all else ""
    return f"{LEFT_OUT} {option}--way {backend.name} measures it"
