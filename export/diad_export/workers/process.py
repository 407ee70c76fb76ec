"""The parent's end of a worker process."""

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from queue import Empty, Queue
from threading import Thread
from types import TracebackType
from typing import IO, ClassVar, Generic, Protocol, Self, TypeVar

from pydantic import TypeAdapter

from diad_deploy.errors import DiadError
from diad_deploy.record import Record
from diad_export.workers.failure import Failure, error_of


class HasFailure(Protocol):
    """What every answer of a worker has."""

    @property
    def failure(self) -> Failure | None:
        """The error that the request ended with; None if it succeeded."""


Answer = TypeVar("Answer", bound=HasFailure)


class WorkerProcess(Generic[Answer]):
    """A process that reads requests and writes answers, one JSON object per line.

    A context manager that ends the process. Subclasses say what runs, and word the messages. The
    worker stops when its input ends, so it never outlives this process (see `serving.py`).

    Attributes:
        module: runs as `python -m MODULE`.
        answers: the class of its answers.
        name: the process in messages.
        error: raised if the process dies, and for errors of unknown classes.
        out_of_memory, other_death: advice for a process that was killed, or died otherwise.
        stop_s: seconds that the process has to stop by itself before it is killed.
    """

    module: ClassVar[str]
    answers: ClassVar[type]
    name: ClassVar[str]
    error: ClassVar[type[DiadError]]
    out_of_memory: ClassVar[str]
    other_death: ClassVar[str]
    stop_s: ClassVar[float] = 10.0

    def __init__(self) -> None:
        # open for as long as the process runs
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            self.command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        self._lines: Queue[bytes] = Queue()
        # in a thread, so that waiting for an answer can end after a time
        self._reader = Thread(target=self._read_lines, daemon=True)
        self._reader.start()

    def command(self) -> tuple[str, ...]:
        """The command line of the process."""
        return sys.executable, "-m", self.module

    def send(self, request: Record) -> None:
        """Write one request.

        Raises:
            DiadError: the process has ended.
        """
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            raise self.error(f"{self.name} has ended; start another one")
        try:
            stdin.write(TypeAdapter(type(request)).dump_json(request) + b"\n")
            stdin.flush()
        except BrokenPipeError:
            raise self.error(self._death()) from None

    def receive(self, timeout_s: float | None = None) -> Answer:
        """Wait for the next answer.

        Raises:
            DiadError: the worker's error, in its own class; `self.error` if the process died.
            TimeoutError: no answer came within `timeout_s` seconds; the process is killed.
        """
        try:
            line = self._lines.get(timeout=timeout_s)
        except Empty:
            self._process.kill()
            raise TimeoutError from None
        if not line:
            self._lines.put(line)  # for the next call
            raise self.error(self._death())
        answer: Answer = TypeAdapter(self.answers).validate_json(line)
        if answer.failure is not None:
            raise error_of(answer.failure, unknown=self.error)
        return answer

    def close(self) -> None:
        """End the process; can be called more than once."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is not None and not stdin.closed:
            with suppress(BrokenPipeError):
                stdin.close()
        try:
            self._process.wait(timeout=self.stop_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # a process that it started may still hold the other end of the pipe
        self._reader.join(self.stop_s)
        if stdout is not None and not self._reader.is_alive():
            stdout.close()
        self._stderr.close()

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
        if self._process.stdout is not None:
            for line in self._process.stdout:
                self._lines.put(line)
        self._lines.put(b"")

    def _death(self) -> str:
        status = self._process.wait()
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        last = f": {lines[-1][:300]}" if lines else ""
        how = f"signal {-status}" if status < 0 else f"status {status}"
        advice = self.other_death
        if status == -9:
            advice = f"signal 9 mostly means that memory ran out: {self.out_of_memory}"
        return f"{self.name} ended with {how}{last}; {advice}"
