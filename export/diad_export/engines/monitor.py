"""TensorRT's own progress, as one share that only grows."""

from collections.abc import Callable
from typing import Any

from diad_export.engines.protocol import Advance

ProgressCallback = Callable[[Advance], None]


class PhaseTree:
    """Nested phases with counted steps -> the share of the whole that is done."""

    def __init__(self) -> None:
        self._steps: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._parents: dict[str, str | None] = {}
        self._share = 0.0

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        """`phase` begins inside `parent`."""
        self._steps[phase], self._done[phase], self._parents[phase] = max(1, steps), 0, parent

    def complete(self, phase: str, step: int) -> None:
        """Step number `step` (from 0) of `phase` is done."""
        self._done[phase] = max(self._done.get(phase, 0), step + 1)

    def finish(self, phase: str) -> None:
        """`phase` is over; its parent counts it as a step of its own."""
        for known in (self._steps, self._done, self._parents):
            known.pop(phase, None)

    def share(self) -> float:
        """From 0 to 1. Phases come again and counts are rough, so it never goes back."""
        roots = [phase for phase, parent in self._parents.items() if parent not in self._steps]
        now = max((self._of(root) for root in roots), default=self._share)
        self._share = max(self._share, min(1.0, now))
        return self._share

    def _of(self, phase: str) -> float:
        inner = max((self._of(p) for p, up in self._parents.items() if up == phase), default=0.0)
        return min(1.0, (self._done[phase] + inner) / self._steps[phase])


def make_monitor(
    module: Any, report_progress: ProgressCallback, is_cancelled: Callable[[], bool]
) -> Any:
    """An `IProgressMonitor` that reports each advance, and stops the build when it is cancelled."""

    class Monitor(module.IProgressMonitor):  # type: ignore[misc]
        """Called from TensorRT's threads, one at a time."""

        def __init__(self) -> None:
            module.IProgressMonitor.__init__(self)
            self._tree = PhaseTree()
            self._last = (-1.0, "")

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            """TensorRT calls this."""
            self._tree.start(phase_name, parent_phase, num_steps)
            self._report(phase_name)

        def step_complete(self, phase_name: str, step: int) -> bool:
            """TensorRT calls this; false stops the build."""
            self._tree.complete(phase_name, step)
            self._report(phase_name)
            return not is_cancelled()

        def phase_finish(self, phase_name: str) -> None:
            """TensorRT calls this."""
            self._tree.finish(phase_name)

        def _report(self, phase: str) -> None:
            share = round(self._tree.share(), 2)
            if (share, phase) != self._last:
                self._last = (share, phase)
                report_progress(Advance(share=share, phase=phase))

    return Monitor()
