"""A run on a GPU: the most telling first, turns of some length, and an end in time."""

from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import ClassVar, Self

import numpy as np
import pytest

from diad_benchmarks.backends.backend import Subject
from diad_benchmarks.measure import turns
from diad_benchmarks.measure.deadline import Deadline
from diad_benchmarks.measure.gpu_meter import GpuMeter
from diad_benchmarks.measure.protocol import Opened, Ran
from diad_benchmarks.measure.turns import Turns
from diad_benchmarks.plan import GPU_ORDER, GpuRoom, Plan, plan_for
from diad_benchmarks.report.rows import Row, make_row
from diad_deploy.errors import BackendError

ROOM = GpuRoom(total_bytes=80 * 10**9, bundle_bytes=48 * 10**6)
OPENING_S = 5.0
IMAGE_S = 0.1
WATTS = 300.0


class Machine:
    """A clock that fakes move, and the GPU's memory."""

    now: ClassVar[float] = 0.0
    used: ClassVar[int] = 10**9
    took: ClassVar[list[tuple[str, int]]] = []


class FakeProcess:
    """Opens in seconds, and takes a tenth of one an image."""

    def __init__(self, backend: str, subject: Subject, images: Path, *, timeout_s: float) -> None:
        if backend == "tensorrt":
            raise BackendError("no engines")
        self.backend = backend
        self.opened = Opened(
            device="cuda",
            precision="float16",
            detail=backend,
            disk_bytes=1,
            seconds=OPENING_S,
        )
        self._spend(OPENING_S, timeout_s)
        Machine.used += 2 * 10**9

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        Machine.used -= 2 * 10**9

    def run(self, first: int, count: int, *, at_least_s: float, timeout_s: float) -> Ran:
        runs = max(int(np.ceil(at_least_s / (IMAGE_S * count))), 1)
        self._spend(runs * IMAGE_S * count, timeout_s)
        if at_least_s:
            Machine.took.append((self.backend, count))
        return Ran(
            seconds=IMAGE_S * count,
            stages={"prepare": 0.01, "model": IMAGE_S * count - 0.01},
            each=(IMAGE_S * count,) * runs,
        )

    def save(self, path: Path) -> int:
        np.savez(path, scores=np.zeros(1))
        return 10**8

    @staticmethod
    def _spend(seconds: float, timeout_s: float) -> None:
        Machine.now += min(seconds, timeout_s)
        if seconds > timeout_s:
            raise BackendError("stopped")


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "BackendProcess", FakeProcess)
    monkeypatch.setattr(Machine, "now", 0.0)
    monkeypatch.setattr(Machine, "used", 10**9)
    monkeypatch.setattr(Machine, "took", [])


def take(plan: Plan, tmp_path: Path) -> dict[str, Row]:
    nvml = SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(used=Machine.used),
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: 1e3 * WATTS * Machine.now,
    )
    taking = Turns(
        plan,
        Subject(checkpoint="c", bundle="b"),
        tmp_path / "p",
        tmp_path,
        between=lambda: None,
        echo=lambda line: None,
        deadline=Deadline.after(plan.minutes, now=lambda: Machine.now),
        meter=GpuMeter(nvml, None, None),
    )
    *_, last = taking.take()
    return {row.backend.name: make_row(row, graphs=(), rates=(), accuracy=None) for row in last}


def test_enough_time_measures_everything(tmp_path: Path) -> None:
    plan = plan_for("demo", everything=False, gpu=ROOM, minutes=30)
    assert plan.together
    assert plan.ways == GPU_ORDER
    rows = take(plan, tmp_path)
    assert Machine.now < 60 * 30
    for name in set(GPU_ORDER) - {"tensorrt"}:
        row = rows[name]
        assert row.why_not is None
        assert [t.batch for t in row.throughput] == [1, 2, 4, 8, 16, 32]
        assert row.peak_device_bytes == 2 * 10**9
        for found in row.throughput:
            assert found.prepare_ms == 10.0
            assert found.joules_per_picture == pytest.approx(WATTS * IMAGE_S)
    assert rows["tensorrt"].why_not == "no engines"
    assert rows["onnxruntime"].why_not == "left out: --way onnxruntime measures it"
    assert rows["published"].latency is not None
    assert rows["published"].latency.count == 3 * 15


def test_little_time_is_spent_on_the_most_informative(tmp_path: Path) -> None:
    plan = plan_for("demo", everything=False, gpu=ROOM, minutes=1)
    rows = take(plan, tmp_path)
    assert Machine.now <= 60
    ran = [name for name in GPU_ORDER if rows[name].latency is not None]
    assert ran == [name for name in GPU_ORDER if name != "tensorrt"][: len(ran)]
    assert 3 <= len(ran) < len(GPU_ORDER) - 1
    assert Machine.took[: len(ran)] == [(name, 1) for name in ran]
    last = GPU_ORDER[-1]
    assert rows[last].why_not == "left out: the run's 1 minutes had passed before its turn"


def test_batches_that_do_not_fit_are_named(tmp_path: Path) -> None:
    plan = plan_for(
        "demo", everything=False, gpu=ROOM, backends=("onnxruntime-cuda-half",), minutes=0.4
    )
    row = take(plan, tmp_path)["onnxruntime-cuda-half"]
    assert Machine.now <= 24
    assert [t.batch for t in row.throughput] == [1, 2, 4, 8]
    assert row.why_not == "left out: batches of 16, 32, which did not fit into the run's time"


def test_large_models_share_the_time(tmp_path: Path) -> None:
    room = GpuRoom(total_bytes=80 * 10**9, bundle_bytes=5 * 10**9)
    plan = plan_for("full", everything=False, gpu=room, minutes=5)
    assert not plan.together
    rows = take(plan, tmp_path)
    assert Machine.now <= 300
    assert Machine.used == 10**9
    ran = [name for name in GPU_ORDER if rows[name].latency is not None]
    assert ran == [name for name in GPU_ORDER if name != "tensorrt"]
    assert all(len(rows[name].throughput) >= 3 for name in ran)


def test_large_models_that_take_long_to_open_have_their_first_turn(tmp_path: Path) -> None:
    room = GpuRoom(total_bytes=80 * 10**9, bundle_bytes=5 * 10**9)
    plan = plan_for("full", everything=False, gpu=room, minutes=0.7)
    # a row's share of the time is less than it takes to open
    assert 60 * 0.7 / len(plan.ways) < OPENING_S
    rows = take(plan, tmp_path)
    assert Machine.now <= 60 * 0.7
    ran = [name for name in GPU_ORDER if rows[name].latency is not None]
    assert len(ran) >= 2
    assert ran == [name for name in GPU_ORDER if name != "tensorrt"][: len(ran)]
