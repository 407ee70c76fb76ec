"""The command's end of a row's process."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pydantic import TypeAdapter

from benchmarks.protocol import (
    Answer,
    Opened,
    Opening,
    Ran,
    Request,
    RunRequest,
    ScheduleRequest,
)
from benchmarks.ways.way import Subject
from diad_deploy import errors
from diad_deploy.errors import BackendError, DiadError
from diad_deploy.manifest import Spacing

STOP_SECONDS = 10.0
COMMAND = (sys.executable, "-m", "benchmarks.worker")


class WorkerProcess:
    """One way to run a model, in a process of its own. A context manager that ends it.

    Attributes:
        opened: what runs.
        started: when the process was started, on `time.perf_counter`.
    """

    opened: Opened

    def __init__(self, way: str, subject: Subject, pictures: Path) -> None:
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
        opening = Opening(way=way, subject=subject, pictures=str(pictures))
        try:
            opened = self._ask(Request(opening=opening)).opened
            if opened is None:
                raise BackendError(f"{way}: the process gave no answer to its opening")
            self.opened = opened
        except BaseException:
            self.close()
            raise

    def run(self, first: int, count: int) -> Ran:
        """Run pictures `first` to `first + count`.

        Raises:
            DiadError: what it raised, in its own class; `BackendError` where the process died.
        """
        ran = self._ask(Request(run=RunRequest(first=first, count=count))).ran
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
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
        try:
            self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
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

    def _ask(self, request: Request) -> Answer:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None or stdin.closed:
            raise BackendError("the process of this row has ended; open it again")
        try:
            stdin.write(TypeAdapter(Request).dump_json(request) + b"\n")
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            raise BackendError(self._death())
        answer = TypeAdapter(Answer).validate_json(line)
        if answer.failure is None:
            return answer
        kind = getattr(errors, answer.failure.kind, BackendError)
        known = kind not in (errors.PictureError, errors.CudaError) and issubclass(kind, DiadError)
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
