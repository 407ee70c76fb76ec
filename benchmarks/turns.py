"""The rows take turns: each in its own process, one picture or batch after the other."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from benchmarks.machine import device_memory_bytes
from benchmarks.plan import Plan
from benchmarks.protocol import Opened, Ran
from benchmarks.ways import Subject, Way
from benchmarks.ways.way import WAYS, YARDSTICK
from benchmarks.worker_process import WorkerProcess
from diad_deploy.errors import DiadError

Tell = Callable[[str], None]
LEFT_OUT = "left out:"


@dataclass(slots=True, kw_only=True)
class Measured:
    """What was seen of one way, as it is seen.

    Attributes:
        why_not: why there are no figures, or no more of them; None where all is well.
        first_result_s: from the start of its process to its first result.
        singles: one picture at a time, in the order of the rounds.
        beside: the yardstick's seconds in the same rounds; None where it failed.
        batches: seconds of each turn by batch size.
        found: the file of its maps and scores.
    """

    way: Way
    why_not: str | None = None
    opened: Opened | None = None
    first_result_s: float | None = None
    singles: list[Ran] = field(default_factory=list)
    beside: list[float | None] = field(default_factory=list)
    batches: dict[int, list[float]] = field(default_factory=dict)
    peak_bytes: int | None = None
    device_bytes: int | None = None
    found: Path | None = None


class Turns:
    """Opens processes, has them take turns, and writes down what they say.

    Args:
        count: pictures in the file `pictures`.
        scratch: a folder for what the rows find.
        between: called once a round, between two rows' turns.
    """

    def __init__(
        self,
        plan: Plan,
        subject: Subject,
        pictures: Path,
        scratch: Path,
        *,
        between: Callable[[], None],
        tell: Tell,
    ) -> None:
        self._plan, self._subject, self._pictures = plan, subject, pictures
        self._scratch, self._between, self._tell = scratch, between, tell
        self._open: dict[str, WorkerProcess] = {}
        self.rows = {way.name: Measured(way=way, why_not=_left_out(way, plan)) for way in WAYS}

    def take(self) -> Iterator[list[Measured]]:
        """Measure every row of the plan.

        Yields all rows in their order whenever some have their figures, those that cannot run and
        those whose turn is still to come, too.
        """
        asked = [row.way for row in self.rows.values() if row.why_not is None]
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
        for way in others:
            with ExitStack() as alone:
                if self._start(way, alone):
                    self._rounds([*yardstick, way])
                    self._save(way)
            yield
        if not any(self.rows[way.name].singles for way in yardstick):
            self._rounds(yardstick)
        for way in yardstick:
            self._save(way)
        yield

    def _at_once(self, ways: Sequence[Way], stack: ExitStack) -> Iterator[None]:
        for way in ways:
            self._start(way, stack)
        self._rounds(ways)
        for way in ways:
            self._save(way)
        yield

    def _start(self, way: Way, stack: ExitStack) -> bool:
        """Open a row and have its first result; False where it cannot run here."""
        row = self.rows[way.name]
        self._tell(f"{way.title}: opening")
        before = device_memory_bytes()
        started = perf_counter()
        try:
            process = WorkerProcess(way.name, self._subject, self._pictures)
        except DiadError as error:
            row.why_not = str(error)
            self._tell(f"{way.title}: cannot run here: {error}")
            return False
        stack.enter_context(process)
        self._open[way.name] = process
        stack.callback(self._open.pop, way.name, None)
        row.opened = process.opened
        if self._attempt(way, 0, 1) is None:
            return False
        row.first_result_s = perf_counter() - started
        after = device_memory_bytes()
        if before is not None and after is not None and process.opened.device == "cuda":
            row.device_bytes = after - before
        return True

    def _rounds(self, ways: Sequence[Way]) -> None:
        plan = self._plan
        for index in range(plan.rounds):
            self._between()
            self._single_round(ways, index)
            self._tell(f"round {index + 1} of {plan.rounds}, one picture: {self._shown(ways)}")
        for batch in sorted({batch for batch in plan.batches if batch > 1}):
            firsts = [index * batch for index in range(plan.batch_rounds)]
            if batch == plan.largest_batch and plan.pictures:
                firsts = list(range(0, plan.pictures, batch))
            for first in firsts:
                self._batch_round(ways, first, batch)
            self._tell(f"{len(firsts)} rounds of {batch} pictures done")
        if plan.pictures and plan.largest_batch == 1:
            for way in ways:
                for place in range(plan.rounds, plan.pictures):
                    self._attempt(way, place, 1)

    def _single_round(self, ways: Sequence[Way], index: int) -> None:
        taken = {way.name: self._attempt(way, index, 1) for way in ways}
        yardstick = taken.get(YARDSTICK)
        for way in ways:
            ran = taken[way.name]
            if ran is not None:
                row = self.rows[way.name]
                row.singles.append(ran)
                row.beside.append(yardstick.seconds if yardstick is not None else None)

    def _batch_round(self, ways: Sequence[Way], first: int, batch: int) -> None:
        plan = self._plan
        count = min(batch, plan.pictures - first) if plan.pictures > first else batch
        for way in ways:
            ran = self._attempt(way, first, count)
            if ran is not None and count == batch:
                self.rows[way.name].batches.setdefault(batch, []).append(ran.seconds)

    def _attempt(self, way: Way, first: int, count: int) -> Ran | None:
        """One turn; a row that fails keeps its reason and takes no further turns."""
        row, process = self.rows[way.name], self._open.get(way.name)
        if process is None or row.why_not is not None:
            return None
        try:
            return process.run(first, count)
        except DiadError as error:
            row.why_not = f"failed on {count} pictures: {error}"
            self._tell(f"{way.title}: {row.why_not}")
            return None

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

    def _shown(self, ways: Sequence[Way]) -> str:
        return ", ".join(self._last_times(ways))

    def _last_times(self, ways: Sequence[Way]) -> Iterator[str]:
        for way in ways:
            singles = self.rows[way.name].singles
            if singles:
                yield f"{way.name} {1e3 * singles[-1].seconds:.0f} ms"


def _left_out(way: Way, plan: Plan) -> str | None:
    if way.name in plan.ways:
        return None
    measures = "--all or " if way.only_with_all else ""
    return f"{LEFT_OUT} {measures}--way {way.name} measures it"
