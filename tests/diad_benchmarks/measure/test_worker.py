"""A row's process answers every line, and what fails is an answer."""

import io
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from diad_benchmarks.backends.backend import Subject
from diad_benchmarks.measure.protocol import Answer, Opening, Request, RunRequest, ScheduleRequest
from diad_benchmarks.measure.worker import serve
from diad_benchmarks.measure.worker_process import BackendProcess
from diad_deploy.bundle.folder import Bundle
from diad_deploy.errors import BackendError, OptionError


@pytest.fixture
def images(tmp_path: Path) -> Path:
    path = tmp_path / "images.npy"
    np.save(path, np.random.default_rng(0).integers(0, 255, (3, 32, 32, 3), dtype=np.uint8))
    return path


def subject(bundle: Bundle) -> Subject:
    return Subject(checkpoint="none", bundle=str(bundle.path), threads=1, largest_batch=2)


def talk(*requests: Request) -> list[Answer]:
    lines = [TypeAdapter(Request).dump_json(request) + b"\n" for request in requests]
    answers = io.StringIO()
    serve(lines, answers)
    return [TypeAdapter(Answer).validate_json(line) for line in answers.getvalue().splitlines()]


def opening(bundle: Bundle, images: Path, backend: str = "onnxruntime") -> Request:
    return Request(opening=Opening(backend=backend, subject=subject(bundle), images=str(images)))


def test_runs_are_timed_and_kept(standin_bundle: Bundle, images: Path, tmp_path: Path) -> None:
    found = tmp_path / "found.npz"
    opened, ran, again, scheduled, after, saved = talk(
        opening(standin_bundle, images),
        Request(run=RunRequest(first=2, count=2)),
        Request(run=RunRequest(first=1, count=1)),
        Request(schedule=ScheduleRequest(steps=4, spacing="trailing")),
        Request(run=RunRequest(first=1, count=1)),
        Request(save=str(found)),
    )
    assert opened.opened is not None
    assert opened.opened.device == "cpu"
    assert ran.ran is not None
    assert list(ran.ran.stages) == ["prepare", "encode", "step 1", "step 2", "decode", "score"]
    assert sum(ran.ran.stages.values()) <= ran.ran.seconds
    assert again.ran is not None
    assert scheduled.scheduled
    assert after.ran is not None
    assert "step 4" in after.ran.stages
    assert saved.saved is not None
    with np.load(found) as stored:
        assert stored["places"].tolist() == [0, 1, 2]
        assert stored["maps"].shape == (3, 32, 32)


def test_failures_are_answers(standin_bundle: Bundle, images: Path) -> None:
    early, unknown, unscheduled = talk(
        Request(run=RunRequest(first=0, count=1)),
        opening(standin_bundle, images, backend="none"),
        Request(run=RunRequest(first=0, count=1)),
    )
    for answer in (early, unknown, unscheduled):
        assert answer.failure is not None
    assert unknown.failure is not None
    assert "no backend 'none'" in unknown.failure.message


def test_a_process_of_its_own(standin_bundle: Bundle, images: Path, tmp_path: Path) -> None:
    with BackendProcess("onnxruntime", subject(standin_bundle), images) as process:
        assert process.run(0, 2).seconds > 0
        with pytest.raises(OptionError, match="--steps 0"):
            process.set_schedule(0, "leading")
        peak = process.save(tmp_path / "found.npz")
        assert peak is not None
        assert peak > 1e7
        assert len(process.run(0, 1, at_least_s=0.05).each) > 1
        process._process.kill()
        with pytest.raises(BackendError, match="signal 9"):
            process.run(0, 1)


def test_what_takes_too_long_is_stopped(standin_bundle: Bundle, images: Path) -> None:
    with BackendProcess("onnxruntime", subject(standin_bundle), images) as process:
        with pytest.raises(BackendError, match="stopped after 0 s, the rest of"):
            process.run(0, 1, timeout_s=0.0)
        assert process._process.wait() != 0
