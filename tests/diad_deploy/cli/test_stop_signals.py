"""Signals end a command as Ctrl-C does: with a page, one line, and the status that shells know."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from diad_deploy.cli.stop_signals import STOP_SIGNALS, Stopped, StopSignals
from diad_deploy.report.results import read_rows
from tests.diad_deploy.fake_detector import write_images

ROOT = Path(__file__).parents[3]
STATUSES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
REASONS = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "ended by SIGTERM",
    signal.SIGHUP: "ended by SIGHUP",
}

RUN = """
    import select, sys
    from diad_deploy.detector import Detector
    from diad_deploy.inspection import inspect as inspection
    from diad_deploy.cli.run import main
    from tests.diad_deploy.fake_detector import FakeDetector

    def wait(word):
        print(word, flush=True)
        # a call that blocks misses a signal that comes just before it: this one comes back
        while not select.select([sys.stdin], [], [], 0.02)[0]:
            pass

    def before(batch):
        if batch == 1:
            wait("in the model")

    def write_page(*given):
        wait("finishing")
        return real(*given)

    real, inspection.write_page = inspection.write_page, write_page
    detector = FakeDetector(before=before)
    Detector.open = lambda *_, **__: detector
    main()
"""


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts Python on some code; what a failed test leaves is killed."""
    with ExitStack() as stack:

        def started(code: str, *arguments: object) -> "subprocess.Popen[str]":
            process = subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/export:{ROOT}/evaluation"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield started


def wait_for(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == f"{word}\n"


@pytest.mark.parametrize("number", STATUSES)
def test_a_run_that_is_ended_writes_its_page_whatever_else_is_sent(
    tmp_path: Path, start: Start, number: signal.Signals
) -> None:
    write_images(tmp_path / "parts", 12)
    out = tmp_path / "out"
    process = start(RUN, tmp_path / "parts", "--bundle", "b", "-o", out)
    wait_for(process, "in the model")
    process.send_signal(number)
    wait_for(process, "finishing")
    for again in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        process.send_signal(again)
    _, err = process.communicate("\n")
    assert process.returncode == STATUSES[number]
    lines = [line for line in err.splitlines() if line]
    assert set(lines[:-1]) <= {"diad-run: stopping; press Ctrl-C again to exit at once"}
    assert lines[-1] == f"diad-run: {REASONS[number]}"
    assert len(list(read_rows(out / "results.jsonl"))) == 4
    assert "stopped after 4 of 12" in (out / "report.html").read_text()
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("number", STATUSES)
@pytest.mark.parametrize(
    ("module", "entry", "name"),
    [
        ("diad_deploy", "run", "diad-run"),
        ("diad_deploy", "calibrate", "diad-calibrate"),
        ("diad_evaluate", "evaluate", "diad-evaluate"),
        ("diad_export", "export", "diad-export"),
    ],
)
def test_a_signal_while_the_first_modules_load_is_one_line(
    tmp_path: Path, start: Start, number: signal.Signals, module: str, entry: str, name: str
) -> None:
    (tmp_path / "click.py").write_text(
        "import select, sys; print('loading', flush=True)\n"
        "while not select.select([sys.stdin], [], [], 0.02)[0]: pass"
    )
    code = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        from {module}.cli.entry_points import {entry}
        {entry}()
    """
    process = start(code)
    wait_for(process, "loading")
    process.send_signal(number)
    assert process.communicate() == ("", f"{name}: {REASONS[number]}\n")
    assert process.returncode == STATUSES[number]


def test_an_import_that_makes_another_error_of_the_signal_is_no_traceback(start: Start) -> None:
    code = """
        import signal, sys
        import click
        from diad_deploy.cli.console import run_command

        def body():
            try:
                signal.raise_signal(signal.SIGTERM)
            except BaseException:
                raise ImportError("numpy.core failed to import")

        sys.argv = ["x"]
        run_command(click.command(name="x")(body))
    """
    process = start(code)
    assert process.communicate() == ("", "x: ended by SIGTERM\n")
    assert process.returncode == 143


class Destroyed:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def test_a_signal_that_is_lost_in_a_destructor_comes_again(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def lose_and_go_on() -> None:
        Destroyed()
        while True:
            time.sleep(0.001)

    hook = sys.unraisablehook
    with StopSignals("x") as signals, pytest.raises(Stopped):
        lose_and_go_on()
    assert signals.status == 143
    assert sys.unraisablehook == hook
    assert capfd.readouterr().err == ""


def test_the_third_ctrl_c_gives_up(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)
    with StopSignals("x"):
        try:
            signal.raise_signal(signal.SIGINT)
        except Stopped:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            assert not left
            signal.raise_signal(signal.SIGINT)
    assert left == [130]
    assert capfd.readouterr().err == (
        "x: stopping; press Ctrl-C again to exit at once\nx: interrupted\n"
    )


def test_what_is_ignored_stays_so_and_all_is_put_back() -> None:
    hang_up = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    try:
        with StopSignals("x"):
            signal.raise_signal(signal.SIGHUP)
        assert [signal.getsignal(number) for number in STOP_SIGNALS] == before
    finally:
        signal.signal(signal.SIGHUP, hang_up)
