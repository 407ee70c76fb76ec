"""Runs one request in a process that builds engines."""

from collections.abc import Callable

from diad_deploy.errors import ExportError
from diad_export.engines.protocol import Advance, Answer, Request
from diad_export.workers.process import WorkerProcess


class EngineProcess(WorkerProcess[Answer]):
    """Builds one engine, or describes the machine."""

    module = "diad_export.engines.worker"
    answers = Answer
    name = "the process that builds engines"
    error = ExportError
    out_of_memory = "free some, or build on another machine"
    other_death = "run it again; if that does not help, report this line"
    # TensorRT asks its monitor between steps, and one step can be most of a build
    stop_s = 3.0


def ask_worker(
    request: Request, report_progress: Callable[[Advance], None] = lambda now: None
) -> Answer:
    """Start a worker, pass its progress on to `report_progress`, and return its last answer.

    Raises:
        DiadError: the worker's error, in its own class.
        ExportError: the worker died.
        KeyboardInterrupt: the worker is stopped first.
    """
    with EngineProcess() as worker:
        worker.send(request)
        while (answer := worker.receive()).advance is not None:
            report_progress(answer.advance)
        return answer
