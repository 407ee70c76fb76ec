"""A child process whose output is shown and kept, and which ends by a time."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

STOP_SECONDS = 20.0


def run_step(
    command: Sequence[str],
    output: Path,
    *,
    folder: Path,
    limit_s: float,
    tell: Callable[[str], None],
) -> int:
    """Run `command` in `folder`; its output goes to `tell` and, line by line, to the file `output`.

    Returns:
        Its exit status; below zero where a signal ended it, as at the end of `limit_s`. On Ctrl-C
        the child gets the time to keep what it has.
    """
    with (
        output.open("w", encoding="utf-8") as kept,
        subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"COLUMNS": "120", **os.environ, "PYTHONUNBUFFERED": "1"},
            text=True,
            encoding="utf-8",
            errors="replace",
            # with its own children it can be ended as one
            start_new_session=True,
        ) as process,
    ):
        timer = threading.Timer(limit_s, _end, (process,))
        timer.start()
        try:
            for line in process.stdout or ():
                kept.write(line)
                kept.flush()
                tell(line.rstrip("\n"))
            return process.wait()
        except BaseException:
            _end(process)
            raise
        finally:
            timer.cancel()


def _end(process: subprocess.Popen[str]) -> None:
    """Ask it to stop, as Ctrl-C does, and end it and its children where it does not."""
    for how in ("SIGINT", "SIGKILL"):
        if process.poll() is not None:
            return
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, getattr(signal, how))
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
