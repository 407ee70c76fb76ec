"""The process that builds: one request line in, answer lines out, an end of input to stop it.

Run as `python -m diad_export.engines.worker` by `child_process.py`. The parent's end, however it
comes, closes the input, so a build never outlives its command.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TextIO

from pydantic import TypeAdapter

from diad_deploy.errors import DiadError
from diad_export.engines.machine import describe_machine
from diad_export.engines.one_engine import Cancelled, build_engine
from diad_export.engines.protocol import Advance, Answer, Failure, Request
from diad_export.engines.tensorrt_module import load_tensorrt
from diad_export.peak_memory import peak_memory_bytes

CANCELLED_STATUS = 3


def main() -> int:
    """Serve one request; the exit status is 0 for an answer, a failure included."""
    # Ctrl-C reaches the whole group; the parent decides and closes the input
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = _own_output()
    request = TypeAdapter(Request).validate_json(sys.stdin.buffer.readline())
    stopped = threading.Event()
    threading.Thread(target=_watch, args=(stopped,), daemon=True).start()

    def send(answer: Answer) -> None:
        try:
            answers.write(TypeAdapter(Answer).dump_json(answer).decode() + "\n")
            answers.flush()
        except OSError:  # the parent is gone
            stopped.set()

    try:
        send(_answer(request, lambda now: send(Answer(advance=now)), stopped.is_set))
    except Cancelled:
        return CANCELLED_STATUS
    except DiadError as error:
        send(Answer(failure=failure_of(error)))
    return 0


def _answer(
    request: Request, tell: Callable[[Advance], None], is_cancelled: Callable[[], bool]
) -> Answer:
    module = load_tensorrt(request.options.target)
    if request.engine is None:
        return Answer(machine=describe_machine(module))
    built = build_engine(module, request.engine, tell=tell, is_cancelled=is_cancelled)
    return Answer(built=built, peak_bytes=peak_memory_bytes())


def failure_of(error: DiadError) -> Failure:
    """The error for the way to the command's process."""
    attributes = {name: str(value) for name, value in vars(error).items() if name[0] != "_"}
    return Failure(kind=type(error).__name__, message=str(error), attributes=attributes)


def _own_output() -> TextIO:
    """The answers' stream; whatever libraries print goes to standard error instead."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _watch(stopped: threading.Event) -> None:
    # not through sys.stdin, whose lock a waiting thread would hold against the process's end
    while os.read(0, 1024):
        continue
    stopped.set()


if __name__ == "__main__":
    sys.exit(main())
