"""Runs one request in a worker process and brings back its answer or its error."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import IO

from pydantic import TypeAdapter

from diad_deploy import errors
from diad_deploy.errors import DiadError, ExportError
from diad_export.engines.protocol import Advance, Answer, Failure, Request

STOP_SECONDS = 3.0
"""How long a worker may take to stop by itself before it is killed.

TensorRT asks its monitor between steps, and one step can be most of a build.
"""

_COMMAND = (sys.executable, "-m", "diad_export.engines.worker")


def ask_worker(request: Request, tell: Callable[[Advance], None] = lambda now: None) -> Answer:
    """Start a worker, pass its progress on to `tell`, and give its last answer.

    Raises:
        DiadError: what the worker raised, in its own class.
        ExportError: the worker died.
        KeyboardInterrupt: as it comes; the worker is stopped first.
    """
    with tempfile.TemporaryFile() as complaints:
        worker = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        try:
            last = _converse(worker, request, tell)
        finally:
            _stop(worker)
        if last is None:
            raise ExportError(_death(worker.returncode, complaints))
    if last.failure is not None:
        raise error_of(last.failure)
    return last


def error_of(failure: Failure) -> DiadError:
    """The error as the worker raised it; an `ExportError` where its class is none of the tree."""
    kind = getattr(errors, failure.kind, None)
    if not (isinstance(kind, type) and issubclass(kind, DiadError)):
        return ExportError(failure.message)
    # without `__init__`, which takes more than the message in some classes
    error = kind.__new__(kind, failure.message)
    vars(error).update(failure.attributes)
    return error


def _converse(
    worker: "subprocess.Popen[bytes]", request: Request, tell: Callable[[Advance], None]
) -> Answer | None:
    stdin, stdout = worker.stdin, worker.stdout
    if stdin is None or stdout is None:
        raise ExportError("the process that builds engines has no pipes")
    try:
        stdin.write(TypeAdapter(Request).dump_json(request) + b"\n")
        stdin.flush()
    except BrokenPipeError:
        return None
    for line in stdout:
        answer = TypeAdapter(Answer).validate_json(line)
        if answer.advance is None:
            return answer
        tell(answer.advance)
    return None


def _stop(worker: "subprocess.Popen[bytes]") -> None:
    """Close the worker's input, which it takes as the end, and see it go."""
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                continue
    try:
        worker.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


def _death(status: int, complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = complaints.read().decode(errors="replace").strip().splitlines()
    last = f": {lines[-1][:300]}" if lines else ""
    how = f"signal {-status}" if status < 0 else f"status {status}"
    hint = (
        "; signal 9 mostly means that memory ran out: free some, or build elsewhere"
        if status == -9
        else "; run it again, and where it stays so, report it with this line"
    )
    return f"the process that builds engines ended with {how}{last}{hint}"
