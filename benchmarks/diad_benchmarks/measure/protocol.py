"""Messages between the command and a backend's process: one JSON object per line."""

from dataclasses import dataclass, field

from diad_benchmarks.backends.backend import Subject
from diad_deploy.bundle.manifest import Spacing
from diad_deploy.record import Record
from diad_export.workers.failure import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening(Record):
    """The first request: load a model.

    Attributes:
        backend: its name.
        images: a `.npy` file of uint8 `[N, S, S, 3]` from which every run takes its images.
    """

    backend: str
    subject: Subject
    images: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest(Record):
    """Run `count` images from `first` on, continuing with the file's first image after its last.

    Attributes:
        at_least_s: continue with the following images until this number of seconds has passed.
    """

    first: int
    count: int
    at_least_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRequest(Record):
    """Change the schedule."""

    steps: int
    spacing: Spacing


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Record):
    """A request; exactly one field is set. `save` is the file for the results so far."""

    opening: Opening | None = None
    run: RunRequest | None = None
    schedule: ScheduleRequest | None = None
    save: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Record):
    """Facts of a `diad_benchmarks.backends.backend.Runner`, and the seconds for loading it."""

    device: str
    precision: str
    detail: str
    disk_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran(Record):
    """The times of one run, or of several consecutive runs.

    Attributes:
        seconds: on the host, from images in memory to map and score in memory; the median.
        stages: the same for each stage; empty if they cannot be timed separately.
        each: the seconds of every run.
    """

    seconds: float
    stages: dict[str, float] = field(default_factory=dict)
    each: tuple[float, ...] = ()

    @property
    def runs(self) -> tuple[float, ...]:
        """The seconds of every run, even if there is only one."""
        return self.each or (self.seconds,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved(Record):
    """The results are written; with the peak memory of the process so far."""

    peak_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Record):
    """An answer; exactly one field is set."""

    opened: Opened | None = None
    ran: Ran | None = None
    scheduled: bool | None = None
    saved: Saved | None = None
    failure: Failure | None = None
