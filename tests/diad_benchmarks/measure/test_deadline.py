"""A run's end: what fits before it, and what is kept back."""

import math

from diad_benchmarks.measure.deadline import Deadline


def test_a_run_keeps_something_back() -> None:
    now = [100.0]
    deadline = Deadline.after(10, now=lambda: now[0])
    assert deadline.left_s() == 570.0
    assert deadline.fits(569.0)
    assert not deadline.fits(570.0)
    assert deadline.share(3).left_s() == 190.0
    now[0] += 1000
    assert deadline.timeout_s() == 0.0
    assert not deadline.fits(0.0)
    assert deadline.passed() == "the run's 10 minutes"


def test_without_an_end_everything_fits() -> None:
    deadline = Deadline.after(None)
    assert deadline.fits(math.inf)
    assert deadline.timeout_s() is None
    assert deadline.share(2).timeout_s() is None
