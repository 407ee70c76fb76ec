"""A worker's answer, its error in its own class, and its death."""

import sys

import pytest

from diad_deploy.errors import BackendError, ExportError
from diad_export.engines import child_process
from diad_export.engines.child_process import ask_worker
from diad_export.engines.options import EngineOptions
from diad_export.engines.protocol import Request

RTX = Request(options=EngineOptions(target="tensorrt-rtx"))


def test_the_machine_answers() -> None:
    machine = ask_worker(RTX).machine
    assert machine is not None
    assert "8.9" in machine.capabilities


def test_an_error_comes_in_its_own_class(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    (tmp_path / "tensorrt.py").write_text('raise OSError("libnvinfer.so: no such file")\n')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BackendError, match=r"libnvinfer\.so: no such file; install"):
        ask_worker(Request(options=EngineOptions(target="tensorrt")))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal 9.*memory ran out"),
        ("import sys; sys.exit('the last words')", "status 1: the last words"),
    ],
)
def test_a_death_is_told(monkeypatch: pytest.MonkeyPatch, code: str, words: str) -> None:
    monkeypatch.setattr(child_process, "_COMMAND", (sys.executable, "-c", code))
    with pytest.raises(ExportError, match=words):
        ask_worker(RTX)


def test_a_worker_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        'import time; print(\'{"advance": {"share": 0.5, "phase": "x"}}\', flush=True); '
        "time.sleep(60)"
    )
    monkeypatch.setattr(child_process, "_COMMAND", (sys.executable, "-c", code))
    monkeypatch.setattr(child_process, "STOP_SECONDS", 0.2)

    def interrupt(_now: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask_worker(RTX, interrupt)
