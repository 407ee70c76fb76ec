"""Workloads take turns, and their times are kept apart."""

from diad_benchmarks.measure.rounds import seconds_of, take_turns


def test_workloads_take_turns() -> None:
    ran: list[str] = []
    ticks = iter([0.0, 4.0, 4.0, 5.0, 10.0, 16.0, 16.0, 18.0, 20.0, 40.0, 40.0, 44.0])
    lines: list[str] = []

    def run(name: str) -> float:
        return seconds_of(lambda: ran.append(name), clock=lambda: next(ticks))

    rounds = take_turns(
        {"slow": lambda _: run("slow"), "fast": lambda _: run("fast")},
        rounds=3,
        echo=lines.append,
    )
    assert ran == ["slow", "fast"] * 3
    assert rounds.seconds == {"slow": (4.0, 6.0, 20.0), "fast": (1.0, 2.0, 4.0)}
    assert rounds.median_s("slow") == 6.0
    assert rounds.ratios("slow", "fast") == (4.0, 3.0, 5.0)
    assert lines[0] == "round 1 of 3: slow 4.00 s"
