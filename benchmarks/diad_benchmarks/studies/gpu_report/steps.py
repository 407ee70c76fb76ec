"""A child process with a time limit, whose output is printed and stored."""

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
    echo: Callable[[str], None],
) -> int:
    """Run `command` in `folder`, and pass each line of its output to `echo` and the file `output`.

    After Ctrl-C the child has time to write its results.

    Returns:
        The exit status; negative if a signal ended it, such as after `limit_s` seconds.
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
            # so that it can be ended together with its children
            start_new_session=True,
        ) as process,
    ):
        timer = threading.Timer(limit_s, _end, (process,))
        timer.start()
        try:
            for line in process.stdout or ():
                kept.write(line)
                kept.flush()
                echo(line.rstrip("\n"))
            return process.wait()
        except BaseException:
            _end(process)
            raise
        finally:
            timer.cancel()


def _end(process: subprocess.Popen[str]) -> None:
    """Interrupt the child like Ctrl-C does; kill it and its children if it continues."""
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
