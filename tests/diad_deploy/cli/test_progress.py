"""A bar on a terminal, a line every so often elsewhere."""

import io

from rich.console import Console

from diad_deploy.cli.progress import show_progress
from diad_deploy.inspection.summary import Progress


def test_plain_lines_every_so_often_and_at_the_end() -> None:
    text = io.StringIO()
    times = iter([0.0, 1.0, 10.0, 10.0, 11.0, 12.0])
    with show_progress(Console(file=text), clock=lambda: next(times)) as report_progress:
        report_progress(Progress(done=1, failed=0, total=4))
        report_progress(Progress(done=2, failed=0, total=4))
        report_progress(Progress(done=3, failed=1, total=4))
        report_progress(Progress(done=4, failed=1, total=4))
    assert text.getvalue().splitlines() == ["2 of 4 images", "4 of 4 images, 1 failed"]


def test_a_bar_on_a_terminal() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100)
    with show_progress(console) as report_progress:
        report_progress(Progress(done=3, failed=2, total=4))
    assert "3/4" in text.getvalue()
    assert "2 failed" in text.getvalue()
