"""A bar on a terminal, nothing elsewhere."""

import io

from rich.console import Console

from diad_export.cli.engine_progress import show_build
from diad_export.engines.protocol import Advance


def show(*, terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    with show_build("denoiser", console) as report_progress:
        report_progress(Advance(share=0.5, phase="Timing tactics"))
    return console.file.getvalue()


def test_a_terminal_sees_name_share_and_phase() -> None:
    output = show(terminal=True)
    assert "denoiser engine" in output
    assert "50%" in output
    assert "Timing tactics" in output


def test_a_pipe_sees_nothing() -> None:
    assert show(terminal=False) == ""
