"""A backend's process: loads a model once, then runs it for every request.

Runs as `python -m diad_benchmarks.measure.worker`, started by `worker_process.py`; ends when its
input ends.
"""

import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from diad_benchmarks.backends.backend import find_backend
from diad_benchmarks.measure.protocol import (
    Answer,
    Opened,
    Opening,
    Ran,
    Request,
    RunRequest,
    Saved,
)
from diad_deploy.errors import BackendError, DiadError
from diad_export.peak_memory import peak_memory_bytes
from diad_export.workers.failure import failure_of
from diad_export.workers.serving import open_answers, write_answer


def serve(requests: Iterable[bytes], answers: IO[str]) -> None:
    """Answer every request; errors are answers, too."""
    subject: _OpenBackend | None = None
    for line in requests:
        request = TypeAdapter(Request).validate_json(line)
        try:
            if request.opening is not None:
                subject = _OpenBackend(request.opening)
                answer = Answer(opened=subject.opened)
            elif subject is None:
                raise BackendError("no backend is open; send an opening first")
            else:
                answer = _answer(subject, request)
        except DiadError as error:
            answer = Answer(failure=failure_of(error))
        except MemoryError:
            answer = Answer(failure=failure_of(BackendError("memory ran out")))
        write_answer(answers, answer)


def _answer(subject: "_OpenBackend", request: Request) -> Answer:
    if request.run is not None:
        return Answer(ran=subject.run(request.run))
    if request.schedule is not None:
        subject.runner.set_schedule(request.schedule.steps, request.schedule.spacing)
        return Answer(scheduled=True)
    if request.save is not None:
        subject.save(Path(request.save))
        return Answer(saved=Saved(peak_bytes=peak_memory_bytes()))
    raise BackendError("an empty request; expected a run, a schedule or a file to save to")


class _OpenBackend:
    """A runner, its images, and its latest result for each of them."""

    def __init__(self, opening: Opening) -> None:
        start = time.perf_counter()
        self.runner = runner = find_backend(opening.backend).open(opening.subject)
        self.opened = Opened(
            device=runner.device,
            precision=runner.precision,
            detail=runner.detail,
            disk_bytes=runner.disk_bytes,
            seconds=time.perf_counter() - start,
        )
        self._images: npt.NDArray[np.uint8] = np.load(opening.images)
        self._found: dict[int, tuple[npt.NDArray[np.float32], float]] = {}

    def run(self, request: RunRequest) -> Ran:
        end = time.perf_counter() + request.at_least_s
        each: list[float] = []
        stages: list[dict[str, float]] = []
        while not each or time.perf_counter() < end:
            first = request.first + len(each) * request.count
            seconds, clocked = self._run_once(first, request.count)
            each.append(seconds)
            stages.append(clocked)
        return Ran(
            seconds=statistics.median(each),
            stages={
                name: statistics.median(clocked[name] for clocked in stages) for name in stages[0]
            },
            each=tuple(each),
        )

    def _run_once(self, first: int, count: int) -> tuple[float, dict[str, float]]:
        places = [(first + i) % len(self._images) for i in range(count)]
        images = [self._images[place] for place in places]
        start = time.perf_counter()
        clock = self.runner.start_clock()
        outcome = self.runner.run(images, clock)
        seconds = time.perf_counter() - start
        for place, found, score in zip(places, outcome.maps, outcome.scores, strict=True):
            self._found[place] = (found, float(score))
        return seconds, clock.seconds()

    def save(self, path: Path) -> None:
        places = sorted(self._found)
        np.savez(
            path,
            places=np.asarray(places, dtype=np.int64),
            maps=np.stack([self._found[place][0] for place in places]),
            scores=np.asarray([self._found[place][1] for place in places], dtype=np.float32),
        )


if __name__ == "__main__":
    serve(sys.stdin.buffer, open_answers())
