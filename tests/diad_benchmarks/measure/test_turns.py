"""Rows take turns; large models two at a time; what has been seen is known as it is seen."""

from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import numpy as np
import pytest

from diad_benchmarks.backends.backend import YARDSTICK, Subject
from diad_benchmarks.measure import turns
from diad_benchmarks.measure.deadline import Deadline
from diad_benchmarks.measure.gpu_meter import GpuMeter
from diad_benchmarks.measure.measured import Measured
from diad_benchmarks.measure.protocol import Opened, Ran
from diad_benchmarks.measure.turns import Turns
from diad_benchmarks.plan import plan_for
from diad_benchmarks.report.rows import NOT_REACHED, make_row
from diad_deploy.errors import BackendError

NAMES = ("published", "reference", "onnxruntime", "openvino", "tensorrt")


class FakeProcess:
    """Takes no time, and says what is open."""

    open_now: ClassVar[list[str]] = []
    ran: ClassVar[list[tuple[str, int, int]]] = []
    most: ClassVar[int] = 0

    def __init__(
        self, backend: str, subject: Subject, images: Path, *, timeout_s: float | None
    ) -> None:
        if backend == "tensorrt":
            raise BackendError("no GPU")
        self.backend = backend
        self.opened = Opened(
            device="cpu",
            precision="float32",
            detail=backend,
            disk_bytes=1,
            seconds=0.1,
        )

    def __enter__(self) -> Self:
        self.open_now.append(self.backend)
        FakeProcess.most = max(FakeProcess.most, len(self.open_now))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.open_now.remove(self.backend)

    def run(self, first: int, count: int, *, at_least_s: float, timeout_s: float | None) -> Ran:
        self.ran.append((self.backend, first, count))
        return Ran(seconds=1.0)

    def save(self, path: Path) -> int:
        np.savez(path, scores=np.zeros(1))
        return 10**8


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "BackendProcess", FakeProcess)
    monkeypatch.setattr(FakeProcess, "open_now", [])
    monkeypatch.setattr(FakeProcess, "ran", [])
    monkeypatch.setattr(FakeProcess, "most", 0)


def take(tmp_path: Path, size: str) -> list[dict[str, tuple[bool, str | None]]]:
    """For each yield and row: whether it has figures, and the reason if not."""
    plan = plan_for("full" if size == "full" else "demo", everything=True, backends=NAMES, rounds=2)
    subject = Subject(checkpoint="c", bundle="b")
    taking = Turns(
        plan,
        subject,
        tmp_path / "p",
        tmp_path,
        between=lambda: None,
        echo=lambda line: None,
        deadline=Deadline(),
        meter=GpuMeter(None, None, "none"),
    )
    return [{row.backend.name: _seen(row) for row in measured} for measured in taking.take()]


def _seen(row: Measured) -> tuple[bool, str | None]:
    made = make_row(row, graphs=(), rates=(), accuracy=None)
    return made.latency is not None, made.why_not


def test_all_at_once_take_turns(tmp_path: Path) -> None:
    (seen,) = take(tmp_path, "demo")
    assert FakeProcess.most == 4
    singles = [name for name, first, count in FakeProcess.ran if (first, count) == (1, 1)]
    assert singles == list(NAMES[:4])
    assert seen["tensorrt"] == (False, "no GPU")


def test_large_models_are_two_at_most_and_known_as_they_are_measured(tmp_path: Path) -> None:
    seen = take(tmp_path, "full")
    assert FakeProcess.most == 2
    assert FakeProcess.open_now == []
    assert [shown["reference"] for shown in seen] == [(False, NOT_REACHED)] + 4 * [(True, None)]
    assert [shown["openvino"][0] for shown in seen] == [False, False, True, True, True]
    for name in ("published", "reference", "openvino"):
        place = FakeProcess.ran.index((name, 1, 1))
        assert FakeProcess.ran[place - 1][0] == YARDSTICK
    assert seen[0]["half"] == (False, "left out: --way half measures it")


def test_the_yardstick_alone_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.diad_benchmarks.measure.test_turns.NAMES", (YARDSTICK,))
    (seen,) = take(tmp_path, "full")
    assert seen[YARDSTICK][0]
