"""The process that builds engines: one request in, answers out.

Runs as `python -m diad_export.engines.worker`, started by `child_process.py`. When the parent ends,
in whatever way, this process's input ends, and the build is cancelled.
"""

import os
import sys
import threading
from collections.abc import Callable

from pydantic import TypeAdapter

from diad_deploy.errors import DiadError
from diad_export.engines.machine import describe_machine
from diad_export.engines.one_engine import Cancelled, build_engine
from diad_export.engines.protocol import Advance, Answer, Request
from diad_export.engines.tensorrt_module import load_tensorrt
from diad_export.peak_memory import peak_memory_bytes
from diad_export.workers.failure import failure_of
from diad_export.workers.serving import open_answers, write_answer

CANCELLED_STATUS = 3


def main() -> int:
    """Serve one request; the exit status is 0 for an answer, a failure included."""
    answers = open_answers()
    request = TypeAdapter(Request).validate_json(sys.stdin.buffer.readline())
    stopped = threading.Event()
    threading.Thread(target=_watch_input, args=(stopped,), daemon=True).start()

    def send(answer: Answer) -> None:
        try:
            write_answer(answers, answer)
        except OSError:  # the parent has ended
            stopped.set()

    try:
        send(_answer(request, lambda now: send(Answer(advance=now)), stopped.is_set))
    except Cancelled:
        return CANCELLED_STATUS
    except DiadError as error:
        send(Answer(failure=failure_of(error)))
    return 0


def _answer(
    request: Request, report_progress: Callable[[Advance], None], is_cancelled: Callable[[], bool]
) -> Answer:
    module = load_tensorrt(request.options.target)
    if request.engine is None:
        return Answer(machine=describe_machine(module))
    built = build_engine(
        module, request.engine, report_progress=report_progress, is_cancelled=is_cancelled
    )
    return Answer(built=built, peak_bytes=peak_memory_bytes())


def _watch_input(stopped: threading.Event) -> None:
    # not through sys.stdin: a waiting thread would hold its lock and block the interpreter's exit
    while os.read(0, 1024):
        continue
    stopped.set()


if __name__ == "__main__":
    sys.exit(main())
