"""The worker's end: what a process does that reads requests and writes answers."""

import os
import signal
from typing import IO, TextIO

from pydantic import TypeAdapter

from diad_deploy.record import Record


def open_answers() -> TextIO:
    """The stream of answers, on what was standard output.

    What libraries print goes to standard error instead. Ctrl-C, which reaches the whole process
    group, is ignored: the parent decides, and closes this process's input.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def write_answer(answers: IO[str], answer: Record) -> None:
    """Write one answer.

    Raises:
        OSError: the parent has ended.
    """
    answers.write(TypeAdapter(type(answer)).dump_json(answer).decode() + "\n")
    answers.flush()
