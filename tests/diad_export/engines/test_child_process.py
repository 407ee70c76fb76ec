"""A worker's answer, its error in its own class, and its death."""

import sys

import pytest
from pydantic import TypeAdapter

from diad_deploy.errors import (
    BackendError,
    CudaError,
    DiadError,
    ExportError,
    ImageError,
    NotFiniteError,
)
from diad_export.engines.child_process import EngineProcess, ask_worker
from diad_export.engines.options import EngineOptions
from diad_export.engines.protocol import Answer, Request
from diad_export.workers.failure import failure_of

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
    "error",
    [
        CudaError("cudaErrorNoDevice", "looking for a GPU: there is none"),
        ImageError("a.png", "empty"),
        NotFiniteError("a.png", "3 NaN"),
        BackendError("refused"),
    ],
)
def test_an_error_that_takes_more_than_a_message(
    monkeypatch: pytest.MonkeyPatch, error: DiadError
) -> None:
    answer = TypeAdapter(Answer).dump_json(Answer(failure=failure_of(error))).decode()
    code = f"print({answer!r})"
    command = (sys.executable, "-c", code)
    monkeypatch.setattr(EngineProcess, "command", lambda _: command)
    with pytest.raises(DiadError) as raised:
        ask_worker(RTX)
    assert type(raised.value) is type(error)
    assert (str(raised.value), vars(raised.value)) == (str(error), vars(error))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal 9.*memory ran out"),
        ("import sys; sys.exit('the last words')", "status 1: the last words"),
    ],
)
def test_a_death_is_reported(monkeypatch: pytest.MonkeyPatch, code: str, words: str) -> None:
    command = (sys.executable, "-c", code)
    monkeypatch.setattr(EngineProcess, "command", lambda _: command)
    with pytest.raises(ExportError, match=words):
        ask_worker(RTX)


def test_a_worker_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        'import time; print(\'{"advance": {"share": 0.5, "phase": "x"}}\', flush=True); '
        "time.sleep(60)"
    )
    command = (sys.executable, "-c", code)
    monkeypatch.setattr(EngineProcess, "command", lambda _: command)
    monkeypatch.setattr(EngineProcess, "stop_s", 0.2)

    def interrupt(_now: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask_worker(RTX, interrupt)
