"""A bar on a terminal, nothing elsewhere."""

import io

from rich.console import Console

from diad_export.cli.engine_progress import shown_build
from diad_export.engines.protocol import Advance


def show(*, terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    with shown_build("denoiser", console) as tell:
        tell(Advance(share=0.5, phase="Timing tactics"))
    return console.file.getvalue()


def test_a_terminal_sees_name_share_and_phase() -> None:
    shown = show(terminal=True)
    assert "denoiser engine" in shown
    assert "50%" in shown
    assert "Timing tactics" in shown


def test_a_pipe_sees_nothing() -> None:
    assert show(terminal=False) == ""
