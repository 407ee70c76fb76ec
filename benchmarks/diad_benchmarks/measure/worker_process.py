"""The command's end of a row's process."""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from types import TracebackType
from typing import IO, Self

from pydantic import TypeAdapter

from diad_benchmarks.backends.backend import Subject
from diad_benchmarks.measure.protocol import (
    Answer,
    Opened,
    Opening,
    Ran,
    Request,
    RunRequest,
    ScheduleRequest,
)
from diad_deploy import errors
from diad_deploy.bundle.manifest import Spacing
from diad_deploy.errors import BackendError, DiadError

STOP_SECONDS = 10.0
COMMAND = (sys.executable, "-m", "diad_benchmarks.measure.worker")


class WorkerProcess:
    """One way to run a model, in a process of its own. A context manager that ends it.

    What takes longer than `timeout_s` ends the process, and is a `BackendError`.

    Attributes:
        opened: what runs.
        started: when the process was started, on `time.perf_counter`.
    """

    opened: Opened

    def __init__(
        self, way: str, subject: Subject, images: Path, *, timeout_s: float | None = None
    ) -> None:
        # open as long as the process is
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        self._lines: Queue[bytes] = Queue()
        self._reader = Thread(target=self._read_lines, daemon=True)
        self._reader.start()
        opening = Opening(way=way, subject=subject, pictures=str(images))
        try:
            opened = self._ask(Request(opening=opening), timeout_s).opened
            if opened is None:
                raise BackendError(f"{way}: the process gave no answer to its opening")
            self.opened = opened
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
        """Run images `first` to `first + count`, again and again for `at_least_s`.

        Raises:
            DiadError: what it raised, in its own class; `BackendError` where the process died, or
                took too long.
        """
        request = RunRequest(first=first, count=count, at_least_s=at_least_s)
        ran = self._ask(Request(run=request), timeout_s).ran
        if ran is None:
            raise BackendError("the process gave no times for a run")
        return ran

    def set_schedule(self, steps: int, spacing: Spacing) -> None:
        """Take another schedule from now on."""
        self._ask(Request(schedule=ScheduleRequest(steps=steps, spacing=spacing)))

    def save(self, path: Path) -> int | None:
        """Have it write what it found to an `.npz` file; its peak memory in bytes."""
        saved = self._ask(Request(save=str(path))).saved
        return saved.peak_bytes if saved is not None else None

    def close(self) -> None:
        """End the process; safe to call again."""
        stdin = self._process.stdin
        if stdin is not None and not stdin.closed:
            with suppress(BrokenPipeError):
                stdin.close()
        try:
            self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # a process that it started may still hold the pipe's other end
        self._reader.join(STOP_SECONDS)
        if self._process.stdout is not None and not self._reader.is_alive():
            self._process.stdout.close()
        self._complaints.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _read_lines(self) -> None:
        """Every answer, in a thread of its own, so that waiting for one can have an end."""
        stdout = self._process.stdout
        if stdout is not None:
            for line in stdout:
                self._lines.put(line)
        self._lines.put(b"")

    def _ask(self, request: Request, timeout_s: float | None = None) -> Answer:
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            raise BackendError("the process of this row has ended; open it again")
        try:
            stdin.write(TypeAdapter(Request).dump_json(request) + b"\n")
            stdin.flush()
            line = self._lines.get(timeout=timeout_s)
        except BrokenPipeError:
            line = b""
        except Empty:
            self._process.kill()
            raise BackendError(
                f"stopped after {timeout_s or 0:.0f} s, which were left of the run's time; give it "
                f"more with --minutes, or run it alone with --way"
            ) from None
        if not line:
            raise BackendError(self._death())
        answer = TypeAdapter(Answer).validate_json(line)
        if answer.failure is None:
            return answer
        kind = getattr(errors, answer.failure.kind, BackendError)
        known = kind not in (errors.ImageError, errors.CudaError) and issubclass(kind, DiadError)
        raise (kind if known else BackendError)(answer.failure.message)

    def _death(self) -> str:
        status = self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        last = f": {lines[-1][:300]}" if lines else ""
        how = f"signal {-status}" if status < 0 else f"status {status}"
        hint = (
            "; signal 9 mostly means that memory ran out: free some, or take fewer rows with --way"
            if status == -9
            else "; run it alone with --way to see whether it stays so"
        )
        return f"its process ended with {how}{last}{hint}"
