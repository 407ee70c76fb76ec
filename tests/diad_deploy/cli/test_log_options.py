"""What commands log with `-v` and `--log-level`, and that nothing is logged without."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from diad_deploy import Detector
from diad_deploy.bundle.folder import Bundle
from diad_deploy.cli.log_options import PACKAGES, start_logging
from diad_deploy.cli.run import main
from diad_deploy.log import get_logger
from tests.diad_deploy.detector.test_detector import make_images
from tests.diad_deploy.fake_detector import write_images
from tests.entry_points import call


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The loggers are as they were before."""
    loggers = [logging.getLogger(name) for name in PACKAGES]
    before = [(one, one.level, list(one.handlers)) for one in loggers]
    yield
    for one, level, handlers in before:
        one.setLevel(level)
        one.handlers = handlers


@pytest.mark.parametrize(
    ("options", "levels"),
    [
        ((), set()),
        (("-v",), {"INFO", "WARNING"}),
        (("-vv",), {"DEBUG", "INFO", "WARNING"}),
        (("--log-level", "warning"), {"WARNING"}),
    ],
)
def test_a_line_per_event_on_standard_error(
    options: tuple[str, ...],
    levels: set[str],
    standin_bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_images(tmp_path / "parts", 3)
    (tmp_path / "parts" / "bad\n.png").write_bytes(b"")
    arguments = (tmp_path / "parts", "--bundle", standin_bundle.path, "-o", tmp_path / "out")
    more = ("--batch-size", 2, "--json", *options)
    status, out, err = call(main, (*arguments, *more), monkeypatch, capsys, name="diad-run")
    assert (status, json.loads(out)["ok"]) == (1, 3), "standard output is JSON alone"
    lines = [line for line in err.splitlines() if " diad_deploy." in line]
    assert {line.split()[1] for line in lines} == levels
    text = "\n".join(lines)
    assert ("loaded" in text and "with onnxruntime on cpu" in text) == ("INFO" in levels)
    assert ("batch of 2: " in text) == ("DEBUG" in levels)
    assert ("bad\\n.png: the file is empty" in text) == bool(levels), "escaped, with its reason"


def test_a_program_hears_nothing_unless_it_asks(
    standin_bundle: Bundle, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with Detector.open(standin_bundle) as detector:
        detector.detect(make_images(1))
    assert capfd.readouterr() == ("", "")
    with caplog.at_level("INFO", logger="diad_deploy"), Detector.open(standin_bundle):
        assert any("skipped tensorrt" in record.message for record in caplog.records)


def test_a_package_has_one_quiet_handler() -> None:
    for name in ("diad_nothing.a", "diad_nothing.b"):
        assert get_logger(name).name == name
    assert [type(one) for one in logging.getLogger("diad_nothing").handlers] == [
        logging.NullHandler
    ]


def test_logging_twice_prints_once(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("info")
    start_logging("info")
    get_logger("diad_deploy.test").info("told %s", "once\x1b")
    assert capsys.readouterr().err.count("told once\\x1b\n") == 1
