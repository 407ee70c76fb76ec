"""Nested phases become one share that grows."""

from types import SimpleNamespace

from diad_export.engines.monitor import PhaseTree, make_monitor
from diad_export.engines.protocol import Advance


def test_shares_nest_and_never_go_back() -> None:
    tree = PhaseTree()
    tree.start("build", None, 4)
    assert tree.share() == 0.0
    tree.complete("build", 0)
    tree.start("optimise", "build", 2)
    tree.complete("optimise", 0)
    assert tree.share() == (1 + 0.5) / 4
    tree.finish("optimise")
    assert tree.share() == (1 + 0.5) / 4
    tree.complete("build", 1)
    assert tree.share() == 0.5
    tree.finish("build")
    assert tree.share() == 0.5


def test_a_step_reports_progress_and_can_cancel() -> None:
    reports: list[Advance] = []
    cancelled = [False]
    module = SimpleNamespace(IProgressMonitor=type("IProgressMonitor", (), {}))
    monitor = make_monitor(module, reports.append, lambda: cancelled[0])
    monitor.phase_start("build", None, 2)
    assert monitor.step_complete("build", 0) is True
    assert reports[-1] == Advance(share=0.5, phase="build")
    cancelled[0] = True
    assert monitor.step_complete("build", 1) is False
