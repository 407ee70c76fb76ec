"""The measurements of a backend so far."""

from dataclasses import dataclass, field
from pathlib import Path

from diad_benchmarks.backends.backend import Backend
from diad_benchmarks.measure.protocol import Opened, Ran
from diad_benchmarks.measure.worker_process import BackendProcess


@dataclass(slots=True, kw_only=True)
class Energy:
    """Joules that a GPU used for a number of images."""

    joules: float = 0.0
    images: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Measured:
    """One backend, while it is measured.

    Attributes:
        why_not: why figures are missing; None if none are.
        process: the backend's process; None unless it is open.
        first_result_s: from the start of its process to its first result.
        setup_s: of that, the first run, in which the backend may compile or capture.
        singles: runs of one image, in the order of the rounds.
        yardstick_s: the yardstick's seconds in the same rounds; None if it failed.
        batches: runs by batch size.
        energy: by batch size, 1 included.
        out_of_time: batch sizes that did not fit into the run's time.
        held_bytes: growth of the GPU's memory in use during its turns; `device_bytes` is its peak.
        results: the file with its maps and scores.
    """

    backend: Backend
    why_not: str | None = None
    process: BackendProcess | None = None
    opened: Opened | None = None
    first_result_s: float | None = None
    setup_s: float = 0.0
    singles: list[Ran] = field(default_factory=list)
    yardstick_s: list[float | None] = field(default_factory=list)
    batches: dict[int, list[Ran]] = field(default_factory=dict)
    energy: dict[int, Energy] = field(default_factory=dict)
    out_of_time: set[int] = field(default_factory=set)
    peak_bytes: int | None = None
    held_bytes: int = 0
    device_bytes: int | None = None
    results: Path | None = None

    @property
    def on_gpu(self) -> bool:
        """Whether it runs on a GPU."""
        return self.opened is not None and self.opened.device == "cuda"

    def runs(self, batch: int) -> list[Ran]:
        """The runs of a batch size."""
        return self.singles if batch == 1 else self.batches.get(batch, [])

    def grow(self, before: int | None, after: int | None) -> None:
        """Count the growth of the GPU's memory in use during work of this backend alone."""
        if before is not None and after is not None:
            self.held_bytes += after - before
            self.device_bytes = max(self.device_bytes or 0, self.held_bytes)

    def expected_s(self, count: int, *, turn_s: float, warm_ups: int) -> float:
        """How long a turn of `count` images will take, from the nearest measured batch size.

        Args:
            turn_s: the least length of a turn; 0 if a turn is one run.
            warm_ups: runs before the first turn of a batch size.
        """
        known = {batch: runs for batch, runs in ((1, self.singles), *self.batches.items()) if runs}
        if not known:
            return turn_s + self.setup_s
        nearest = min(known, key=lambda batch: abs(batch - count))
        one = known[nearest][-1].seconds * max(count / nearest, 1.0)
        # the last run of a turn may begin just before its end
        expected = turn_s + one
        if count not in known and turn_s:
            expected += self.setup_s + warm_ups * one
        return expected
