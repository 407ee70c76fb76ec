"""`diad-run` with a fake detector, in this process."""

from pathlib import Path
from typing import Any

import pytest

from diad_deploy.cli.run import main
from tests.diad_deploy.cli.run_case import Run
from tests.diad_deploy.fake_detector import FakeDetector, write_images
from tests.entry_points import call


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    write_images(tmp_path / "parts", 14)
    return tmp_path / "parts"


@pytest.fixture
def detector() -> FakeDetector:
    return FakeDetector()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, detector: FakeDetector) -> list[dict[str, Any]]:
    """What the detector was opened with."""
    calls: list[dict[str, Any]] = []

    def open_fake(bundle: Path, **options: Any) -> FakeDetector:
        calls.append({"bundle": bundle, **options})
        return detector

    monkeypatch.setattr("diad_deploy.detector.Detector.open", open_fake)
    return calls


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    opened: list[dict[str, Any]],
) -> Run:
    """Runs `diad-run` with a fake detector: exit status, standard output, standard error."""

    def run_main(*arguments: object) -> tuple[int, str, str]:
        return call(main, arguments, monkeypatch, capsys, name="diad-run")

    return run_main
