"""What goes between the command and the process of a row: one JSON object a line."""

from dataclasses import dataclass, field

from diad_benchmarks.backends.backend import Subject
from diad_deploy.bundle.manifest import Spacing
from diad_deploy.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening(Record):
    """The first request: load a model the way called `way`.

    Attributes:
        images: a `.npy` file of uint8 `[N, S, S, 3]` from which every run takes its images.
    """

    way: str
    subject: Subject
    pictures: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest(Record):
    """Run images `first` to `first + count`, counted round and round.

    Attributes:
        at_least_s: go on with the images behind them until so many seconds have passed.
    """

    first: int
    count: int
    at_least_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRequest(Record):
    """Take another schedule from now on."""

    steps: int
    spacing: Spacing


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Record):
    """One line in; exactly one field is set. `save` names the file for what was found so far."""

    opening: Opening | None = None
    run: RunRequest | None = None
    schedule: ScheduleRequest | None = None
    save: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Record):
    """What runs (see `diad_benchmarks.backends.backend.Runner`). `seconds` is the loading alone."""

    device: str
    precision: str
    detail: str
    clocks_stages: bool
    disk_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran(Record):
    """One run, or several one right after the other.

    Attributes:
        seconds: on the host, from images in memory to map and score in memory; of several the
            median.
        stages: seconds of each stage, likewise; empty where they cannot be told apart.
        each: seconds of every run.
    """

    seconds: float
    stages: dict[str, float] = field(default_factory=dict)
    each: tuple[float, ...] = ()

    @property
    def runs(self) -> tuple[float, ...]:
        """Seconds of every run, be it one."""
        return self.each or (self.seconds,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved(Record):
    """What was found is written; the most memory that the process ever held."""

    peak_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(Record):
    """An error of the tree in `diad_deploy.errors`, by the name of its class."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Record):
    """One line back; exactly one field is set."""

    opened: Opened | None = None
    ran: Ran | None = None
    scheduled: bool | None = None
    saved: Saved | None = None
    failure: Failure | None = None
