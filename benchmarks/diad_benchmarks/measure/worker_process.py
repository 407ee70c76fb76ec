"""Starts a backend's process, and sends requests to it."""

from pathlib import Path
from typing import TypeVar

from diad_benchmarks.backends.backend import Subject
from diad_benchmarks.measure.protocol import (
    Answer,
    Opened,
    Opening,
    Ran,
    Request,
    RunRequest,
    Saved,
    ScheduleRequest,
)
from diad_deploy.bundle.manifest import Spacing
from diad_deploy.errors import BackendError
from diad_export.workers.process import WorkerProcess

T = TypeVar("T", Opened, Ran, Saved, bool)


class BackendProcess(WorkerProcess[Answer]):
    """An open backend in a separate process.

    A request that takes longer than `timeout_s` seconds ends the process with a `BackendError`;
    errors of the backend are raised in their own class.

    Attributes:
        opened: facts of the open backend.
    """

    module = "diad_benchmarks.measure.worker"
    answers = Answer
    name = "its process"
    error = BackendError
    out_of_memory = "free some, or run fewer backends with --way"
    other_death = "run it alone with --way to see whether that repeats"

    opened: Opened

    def __init__(
        self, backend: str, subject: Subject, images: Path, *, timeout_s: float | None = None
    ) -> None:
        super().__init__()
        opening = Opening(backend=backend, subject=subject, images=str(images))
        try:
            self.opened = _set(self._ask(Request(opening=opening), timeout_s).opened)
        except BaseException:
            self.close()
            raise

    def run(
        self,
        first: int,
        count: int,
        *,
        at_least_s: float = 0.0,
        timeout_s: float | None = None,
    ) -> Ran:
        """Run the images `first` to `first + count`, repeatedly for `at_least_s` seconds."""
        request = RunRequest(first=first, count=count, at_least_s=at_least_s)
        return _set(self._ask(Request(run=request), timeout_s).ran)

    def seconds(self, place: int) -> float:
        """The seconds of one image."""
        return self.run(place, 1).seconds

    def set_schedule(self, steps: int, spacing: Spacing) -> None:
        """Change the schedule."""
        self._ask(Request(schedule=ScheduleRequest(steps=steps, spacing=spacing)))

    def save(self, path: Path) -> int | None:
        """Write the results so far to an `.npz` file; returns the peak memory in bytes."""
        return _set(self._ask(Request(save=str(path))).saved).peak_bytes

    def _ask(self, request: Request, timeout_s: float | None = None) -> Answer:
        self.send(request)
        try:
            return self.receive(timeout_s)
        except TimeoutError:
            raise BackendError(
                f"stopped after {timeout_s or 0:.0f} s, the rest of the run's time; allow more "
                f"with --minutes, or run it alone with --way"
            ) from None


def _set(field: T | None) -> T:
    if field is None:
        raise BackendError("its process answered another request; start again")
    return field
