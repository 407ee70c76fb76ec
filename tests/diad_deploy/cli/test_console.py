"""Errors of a command become one line and a status."""

from collections.abc import Callable

import click
import pytest

from diad_deploy.cli.console import printable, run_command
from diad_deploy.errors import OutputError


def run(
    body: Callable[[], object],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...] = (),
) -> int:
    monkeypatch.setattr("sys.argv", ["somewhere/diad-test.py", *arguments])
    with pytest.raises(SystemExit) as raised:
        run_command(click.command(name="diad-test")(body))
    return int(raised.value.code or 0)


def raiser(error: BaseException) -> Callable[[], object]:
    def body() -> object:
        raise error

    return body


def test_what_the_command_returns_is_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(lambda: None, monkeypatch) == 0
    assert run(lambda: 1, monkeypatch) == 1


def test_an_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(raiser(OutputError("out: taken;\n  take \x1b[31m another")), monkeypatch) == 2
    assert capsys.readouterr() == ("", "diad-test: out: taken; take \\x1b[31m another\n")


def test_a_usage_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(lambda: None, monkeypatch, ("--wrong",)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("diad-test: No such option")
    assert err.count("\n") == 1


def test_interruption(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raiser(KeyboardInterrupt()), monkeypatch) == 130
    assert "diad-test: interrupted" in capsys.readouterr().err


def test_other_errors_are_faults_and_stay_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["diad-test"])
    with pytest.raises(ZeroDivisionError):
        run_command(click.command(name="diad-test")(raiser(ZeroDivisionError())))


def test_a_group_without_a_command_shows_its_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["diad-test"])
    group = click.group(name="diad-test")(lambda: None)
    with pytest.raises(SystemExit):
        run_command(group)
    assert len("".join(capsys.readouterr()).splitlines()) > 3


def test_printable() -> None:
    assert printable("größe/部品.png") == "größe/部品.png"
    assert printable("a\nb\x1b[31m\udcff") == "a\\nb\\x1b[31m\\udcff"
