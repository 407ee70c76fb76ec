"""The process of a row: loads a model once, then runs it whenever a request line comes in.

Started as `python -m diad_benchmarks.measure.worker` by `worker_process.py`; ends where its input
ends.
"""

import os
import signal
import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from diad_benchmarks.backends.backend import Outcome, find_way
from diad_benchmarks.measure.protocol import (
    Answer,
    Failure,
    Opened,
    Opening,
    Ran,
    Request,
    RunRequest,
    Saved,
)
from diad_deploy.errors import BackendError, DiadError
from diad_export.peak_memory import peak_memory_bytes


def main() -> int:
    """Serve requests until the input ends."""
    # Ctrl-C reaches the whole group; the parent decides and closes the input
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # whatever libraries print goes to standard error
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)
    return 0


def serve(requests: Iterable[bytes], answers: IO[str]) -> None:
    """Answer one line a line; what fails is an answer, too."""
    row: _Row | None = None
    for line in requests:
        request = TypeAdapter(Request).validate_json(line)
        try:
            if request.opening is not None:
                row = _Row(request.opening)
                answer = Answer(opened=row.opened)
            elif row is None:
                raise BackendError("nothing was opened yet; send an opening first")
            else:
                answer = _serve(row, request)
        except DiadError as error:
            answer = Answer(failure=Failure(kind=type(error).__name__, message=str(error)))
        except MemoryError:
            answer = Answer(failure=Failure(kind="BackendError", message="memory ran out"))
        answers.write(TypeAdapter(Answer).dump_json(answer).decode() + "\n")
        answers.flush()


def _serve(row: "_Row", request: Request) -> Answer:
    if request.run is not None:
        return Answer(ran=row.run(request.run))
    if request.schedule is not None:
        row.runner.set_schedule(request.schedule.steps, request.schedule.spacing)
        return Answer(scheduled=True)
    if request.save is not None:
        row.save(Path(request.save))
        return Answer(saved=Saved(peak_bytes=peak_memory_bytes()))
    raise BackendError("an empty request; expected a run, a schedule or a file to save to")


class _Row:
    """An opened way, the images, and what it found on each of them last."""

    def __init__(self, opening: Opening) -> None:
        start = time.perf_counter()
        self.runner = runner = find_way(opening.way).open(opening.subject)
        self.opened = Opened(
            device=runner.device,
            precision=runner.precision,
            detail=runner.detail,
            clocks_stages=runner.clocks_stages,
            disk_bytes=runner.disk_bytes,
            seconds=time.perf_counter() - start,
        )
        self._images: npt.NDArray[np.uint8] = np.load(opening.pictures)
        self._found: dict[int, tuple[npt.NDArray[np.float32], float]] = {}

    def run(self, request: RunRequest) -> Ran:
        """Run some images, once or for so long, and keep what they gave."""
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
        outcome: Outcome = self.runner.run(images, clock)
        seconds = time.perf_counter() - start
        for place, found, score in zip(places, outcome.maps, outcome.scores, strict=True):
            self._found[place] = (found, float(score))
        return seconds, clock.seconds() if self.runner.clocks_stages else {}

    def save(self, path: Path) -> None:
        """Write places, maps and scores of all images so far."""
        places = sorted(self._found)
        np.savez(
            path,
            places=np.asarray(places, dtype=np.int64),
            maps=np.stack([self._found[place][0] for place in places]),
            scores=np.asarray([self._found[place][1] for place in places], dtype=np.float32),
        )


if __name__ == "__main__":
    sys.exit(main())
