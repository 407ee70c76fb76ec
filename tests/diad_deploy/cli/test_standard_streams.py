"""A run finishes its page and keeps its exit status if its output cannot be written."""

import os
import select
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from diad_deploy.cli.standard_streams import TolerantBuffer
from diad_deploy.report.results import read_rows
from tests.diad_deploy.fake_detector import write_images

ROOT = Path(__file__).parents[3]
RUN = """
import sys
from diad_deploy.detector import Detector
from diad_deploy.cli import progress
from diad_deploy.cli.run import main
from tests.diad_deploy.fake_detector import FakeDetector

progress.LINE_EVERY_SECONDS = 0.0
Detector.open = lambda *_, **__: FakeDetector()
main()
"""
FULL = "x: standard output cannot be written: No space left on device"


def shell(line: str, code: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """`PROGRAM` in `line` runs the code with the arguments."""
    return subprocess.run(
        ["bash", "-c", line.replace("PROGRAM", '"$0" -c "$@"'), sys.executable, code]
        + [str(argument) for argument in arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "line",
    [
        "PROGRAM > /dev/full",
        "PROGRAM > /dev/full 2> /dev/full",
        "PROGRAM --json | head -c 1; exit ${PIPESTATUS[0]}",
        "PROGRAM 2>&1 > /dev/null | true; exit ${PIPESTATUS[0]}",
        "PROGRAM <&- >&- 2>&-",
        "export PYTHONUNBUFFERED=1 PYTHONIOENCODING=ascii; PROGRAM > /dev/full",
    ],
)
def test_a_run_whose_output_goes_nowhere_is_finished(tmp_path: Path, line: str) -> None:
    write_images(tmp_path / "parts", 12)
    (tmp_path / "parts" / "000.png").write_bytes(b"")
    out = tmp_path / "out"
    done = shell(line, RUN, tmp_path / "parts", "--bundle", "b", "-o", out)
    assert done.returncode == 1  # one image failed
    assert len(list(read_rows(out / "results.jsonl"))) == 12
    assert (out / "report.html").is_file()
    errors = [text for text in done.stderr.splitlines() if " of 12 images" not in text]
    assert all(text.startswith("diad-run: standard output cannot") for text in errors)
    assert len(errors) == (done.stderr != "" and ">&-" not in line and "|" not in line)


def test_what_a_library_prints_reaches_no_file_that_is_opened_later(tmp_path: Path) -> None:
    code = """
import os, sys
import click
from diad_deploy.cli.console import run_command

def body():
    with open(sys.argv[1], "wb"):
        os.write(2, b"from a library")

sys.argv, path = ["x"], sys.argv[1]
sys.argv.append(path)
run_command(click.command(name="x")(click.argument("path")(lambda path: body())))
"""
    done = shell("PROGRAM >&- 2>&-", code, tmp_path / "results")
    assert done.returncode == 0
    assert (tmp_path / "results").read_bytes() == b""


@pytest.mark.parametrize(("line", "errors"), [("> /dev/full", 1), ("| true", 0)])
def test_help_whose_output_is_closed(line: str, errors: int) -> None:
    code = "from diad_deploy.cli.run import main; main()"
    done = shell(f"PROGRAM {line}; exit ${{PIPESTATUS[0]}}", code, "--help")
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == errors


@pytest.mark.parametrize("line", ["2> /dev/full", "2>&-"])
def test_an_error_that_cannot_be_printed_sets_the_status(line: str) -> None:
    done = shell(f"PROGRAM {line}", "from diad_deploy.cli.run import main; main()", "--wrong")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("piece", [1 << 20, 1000])
def test_a_slow_reader_of_a_pipe_that_does_not_block_gets_all(
    monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    data = os.urandom(1 << 20)
    with open(reading, "rb") as end:  # noqa: PTH123
        found: list[bytes] = []
        reader = threading.Thread(target=lambda: found.append(end.read()))
        real = select.select

        def first_reads_now(*given: Any) -> Any:
            if reader.ident is None:
                reader.start()
            return real(*given)

        monkeypatch.setattr(select, "select", first_reads_now)
        buffer = TolerantBuffer(writing)
        for start in range(0, len(data), piece):
            part = data[start : start + piece]
            assert buffer.write(part) == len(part)
        buffer.flush()
        os.close(writing)
        if reader.ident is not None:
            reader.join()
        assert found == [data]
        assert buffer.error is None


def test_a_reader_that_leaves_while_it_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    real = select.select

    def left(*given: Any) -> Any:
        os.close(reading)
        return real(*given)

    monkeypatch.setattr(select, "select", left)
    buffer = TolerantBuffer(writing)
    assert buffer.write(bytes(1 << 20)) == 1 << 20
    buffer.flush()
    assert isinstance(buffer.error, BrokenPipeError)
    os.close(writing)
