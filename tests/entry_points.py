"""Command lines called in this process."""

from collections.abc import Callable, Sequence

import pytest


def call(
    entry: Callable[[], None],
    arguments: Sequence[object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    name: str = "program",
) -> tuple[int, str, str]:
    """The exit status, standard output and standard error of an entry point."""
    monkeypatch.setattr("sys.argv", [name, *map(str, arguments)])
    with pytest.raises(SystemExit) as raised:
        entry()
    out, err = capsys.readouterr()
    return int(raised.value.code or 0), out, err
